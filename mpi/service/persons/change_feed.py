"""Change feed: every change of a record's person, in order.

It serves systems that store enterprise IDs of this index. An event with the cause ``settled`` changes
nothing: it tells that a provisional ID is final. A change of a local ID has two events with the cause
``renamed``: the enterprise ID leaves the former local ID, and comes to the present one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from mpi.domain.errors import AccessDenied, ConflictError, RefusedCall
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.access_request import BREAK_GLASS
from mpi.policy.reasons import ReasonCode
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import may_learn_block_sizes, visible_source_ids
from mpi.storage.repositories.persons.identity_events import RENAMED, SETTLED, IdentityEvent
from mpi.storage.unit_of_work.units import ReadUnit

MAX_EVENTS = 1000
"""Largest page size; a page still ends with a complete commit."""
FIELDS = ("source", "local_id", "before", "after", "cause", "at")


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """Move of a record to another person, or its ID made final.

    Args:
        commit: number of the commit, ascending; events of one commit happened together.
        seq: position among the visible events of the commit.
        at: time of the commit (ISO, UTC).
        cause: kind of the change, such as ``upsert``, ``load``, ``withdraw``, ``recluster``, ``renamed``.
        source: code of the record's source.
        local_id: its local ID.
        before: earlier enterprise ID; None where it had none.
        after: later enterprise ID; None where it has none.
    """

    commit: int
    seq: int
    at: str
    cause: str
    source: str
    local_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ChangeEventPage:
    """A page of the change feed, made of complete commits.

    Args:
        generation: changes when the index is restored from a backup; the cursor is then void, and the reader
            must read everything again.
        cursor: ``after`` of the next page: the last commit shown, or where the page began.
        events: events in order; an empty page is the end of the feed for now.
    """

    generation: str
    cursor: int
    events: tuple[ChangeEvent, ...]


@dataclass(frozen=True, slots=True)
class _FeedRead:
    """A page of the change feed, not yet on the ledger.

    Args:
        page: the page.
        record_ids: records that it tells of.
        key: the reader and its cursor, for the cache of quiet cursors.
        last_commit: last commit that the page covers if it is empty.
    """

    page: ChangeEventPage
    record_ids: frozenset[int]
    key: tuple[object, ...]
    last_commit: int


def read_change_feed(index: Index, viewer: Viewer, after: int = 0, limit: int = 100) -> ChangeEventPage:
    """Return a page of record-to-person changes after a cursor.

    Pages, cursors and positions count visible events only: counting hidden ones would reveal them.

    Args:
        index: the open index.
        viewer: who asks; events of hidden records are left out.
        after: cursor of the page before; 0 from the beginning.
        limit: target number of events, up to ``MAX_EVENTS``.

    Raises:
        ConflictError: the cursor is ahead of this index.
        AccessDenied: the viewer may not read the crosswalk, or asks in an emergency, which is about one
            child.
    """
    require_feed_access(viewer)
    feed_read = _read_page(index, viewer, after, limit)
    disclose(index, viewer, Action.CROSSWALK_READ, feed_read.record_ids, FIELDS)
    if not feed_read.page.events:
        # Cache only once the ledger entry is durable, and earlier commits with it: after a crash, the number
        # of a lost commit is given again, to a commit that may have an event for this reader.
        _cache_quiet_cursor(index, feed_read.key, feed_read.last_commit)
    return feed_read.page


def read_changes_to_send(
    index: Index, viewer: Viewer, after: int, limit: int
) -> tuple[ChangeEventPage, Callable[[], None]]:
    """Return a change-feed page that the index itself sends on.

    An empty page tells nobody anything and has no ledger line. The function that comes with it remembers that
    there are no changes up to now. Call it after the next durable write: see ``read_change_feed``.

    Arguments and errors as for ``read_change_feed``.
    """
    require_feed_access(viewer)
    feed_read = _read_page(index, viewer, after, limit)
    if feed_read.page.events:
        disclose(index, viewer, Action.CROSSWALK_READ, feed_read.record_ids, FIELDS)
        return feed_read.page, lambda: None
    return feed_read.page, lambda: _cache_quiet_cursor(index, feed_read.key, feed_read.last_commit)


def require_feed_access(viewer: Viewer) -> None:
    """Raise unless the viewer may read the change feed.

    Raises:
        AccessDenied: the viewer may not read the crosswalk, or asks in an emergency.
    """
    require_permission(viewer, Action.CROSSWALK_READ)
    _refuse_emergency(viewer)


def _read_page(index: Index, viewer: Viewer, after: int, limit: int) -> _FeedRead:
    """Read a page of the change feed without a ledger line.

    Raises:
        ConflictError: the cursor is ahead of this index.
    """
    with index.database.read(viewer) as unit:
        info = unit.configs.index_info()
        require_known_cursor(unit, after)
        sources = visible_source_ids(unit)
        # The cursor does not move past hidden events: without the cache, each poll would read them again.
        key = ("" if info is None else info.generation, sources, after)
        begin = index.caches.quiet_until.get(key, after)
        hidden_cause = None if may_learn_block_sizes(unit) else SETTLED
        visible_events = unit.identity_events.events_after(
            begin, min(limit, MAX_EVENTS), sources, hidden_cause
        )
        last_commit = unit.last_commit()
        labels = unit.records.labels({event.record_id for event in visible_events})
        former_ids = _read_former_ids(unit, visible_events)
        times = unit.commit_info({event.commit_no for event in visible_events})
        persons = unit.persons.by_ids(
            {
                number
                for event in visible_events
                for number in (event.before, event.after)
                if number is not None
            }
        )
    eids = {number: person.eid for number, person in persons.items()}
    page = ChangeEventPage(
        "" if info is None else info.generation,
        visible_events[-1].commit_no if visible_events else after,
        tuple(
            ChangeEvent(
                commit=event.commit_no,
                seq=seq,
                at=times[event.commit_no][0],
                cause=event.cause,
                source=labels[event.record_id].source,
                local_id=local_id,
                before=None if event.before is None else eids[event.before],
                after=None if event.after is None else eids[event.after],
            )
            for seq, local_id, event in _number_events(visible_events, labels, former_ids)
        ),
    )
    return _FeedRead(page, frozenset(event.record_id for event in visible_events), key, last_commit)


def require_known_cursor(unit: ReadUnit, after: int) -> None:
    """Raise unless the index has reached a cursor.

    Raises:
        ConflictError: the cursor is ahead of this index.
    """
    if after > unit.last_commit():
        raise ConflictError("the cursor is ahead of this index: was it restored? Start over at 0")


def _cache_quiet_cursor(index: Index, cursor: tuple[object, ...], commit: int) -> None:
    """Cache that a feed reader has no changes up to a commit."""
    index.caches.quiet_until.pop(cursor, None)
    index.caches.quiet_until[cursor] = commit
    for oldest in list(index.caches.quiet_until)[: -index.tuning.review.feed_cursors]:
        index.caches.quiet_until.pop(oldest, None)


def _refuse_emergency(viewer: Viewer) -> None:
    """Refuse the feed to emergency access, which is about one child."""
    if viewer.purpose == BREAK_GLASS:
        call = RefusedCall(viewer.client, Action.CROSSWALK_READ, viewer.purpose, viewer.agreement)
        raise AccessDenied(
            "emergency access looks up one child and reads no change feed",
            ReasonCode.ACTION_OUTSIDE_PURPOSE,
            call,
        )


def _read_former_ids(unit: ReadUnit, events: Iterable[IdentityEvent]) -> dict[tuple[int, int], str]:
    """Return the local IDs that records lost, by commit and record.

    Where another record lost the same local ID later, only that loss is known, and it is the one that counts.
    """
    renamed_records: dict[int, set[int]] = {}
    for event in events:
        if event.cause == RENAMED:
            renamed_records.setdefault(event.commit_no, set()).add(event.record_id)
    return {
        (commit_no, record): local_id
        for commit_no, records in renamed_records.items()
        for record, local_id in unit.renames.local_ids_until(records, commit_no).items()
    }


def _number_events(
    visible_events: Iterable[IdentityEvent],
    labels: Mapping[int, RecordRef],
    former_ids: Mapping[tuple[int, int], str],
) -> Iterator[tuple[int, str, IdentityEvent]]:
    """Yield each commit's change events, numbered and with local IDs.

    Former local IDs come first, since another record may have got one of them. The rest follows the order of
    record labels: the order of writing would reveal hidden records.
    """
    for _, commit_events in groupby(visible_events, key=lambda event: event.commit_no):
        losses: list[tuple[str, str, IdentityEvent]] = []
        others: list[tuple[str, str, IdentityEvent]] = []
        for event in commit_events:
            label = labels[event.record_id]
            if event.cause != RENAMED:
                others.append((label.source, label.local_id, event))
                continue
            former_id = former_ids.get((event.commit_no, event.record_id))
            if former_id is not None:
                losses.append((label.source, former_id, replace(event, after=None)))
            if event.after is not None:
                others.append((label.source, label.local_id, replace(event, before=None)))
        shown = [*sorted(losses, key=_label_of), *sorted(others, key=_label_of)]
        yield from ((seq, local_id, event) for seq, (_, local_id, event) in enumerate(shown, 1))


def _label_of(shown: tuple[str, str, IdentityEvent]) -> tuple[str, str]:
    return shown[0], shown[1]
