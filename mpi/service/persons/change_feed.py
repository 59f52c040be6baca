"""The feed: every change of a record's person, in order, for those who keep enterprise IDs of ours."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_source_ids
from mpi.storage.repositories.persons.persons import IdentityEvent

MAX_CACHED_CURSORS = 1000
"""Cursors of which it is remembered how far there is nothing after them."""
MAX_EVENTS = 1000
"""Largest page that may be asked for; a page still ends with a whole commit."""
FIELDS = ("source", "local_id", "before", "after", "cause", "at")


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One record went from one person to another; None where it had none.

    Args:
        commit: number of the commit, ascending; events of one commit happened together.
        seq: place within what the viewer may see of the commit.
        at: when (ISO, UTC).
        cause: what was done, such as ``upsert``, ``load``, ``withdraw``, ``recluster``.
        source: the record's source.
        local_id: its local ID.
        before: enterprise ID that it had.
        after: enterprise ID that it has since.
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
    """Whole commits of events.

    Args:
        generation: changes when the index is restored from a backup: the cursor is then void, and what was
            kept must be read anew.
        cursor: ``after`` of the next page: the last commit shown, or where the page began.
        events: in order; an empty page is the end of the feed for now.
    """

    generation: str
    cursor: int
    events: tuple[ChangeEvent, ...]


def read_change_feed(index: Index, viewer: Viewer, after: int = 0, limit: int = 100) -> ChangeEventPage:
    """Events of the commits after a cursor, at least ``limit`` of them if there are as many.

    Pages, cursor and places are of what the viewer may see: counted with the rest, they would tell of it.

    Args:
        index: the open index.
        viewer: who asks; events of records that they may not see are left out.
        after: cursor of the page before; 0 from the beginning.
        limit: how many events to aim at, up to ``MAX_EVENTS``.

    Raises:
        ConflictError: the cursor lies ahead of this index.
        AccessDenied: the viewer may not read the crosswalk.
    """
    require_permission(viewer, Action.CROSSWALK_READ)
    with index.database.read(viewer) as unit:
        info = unit.configs.index_info()
        if after > unit.last_commit():
            raise ConflictError("the cursor is ahead of this index: was it restored? Start over at 0")
        sources = visible_source_ids(unit)
        # A cursor stands still over what is hidden, which would be gone through at each poll.
        polled = ("" if info is None else info.generation, sources, after)
        begin = index.caches.quiet_until.get(polled, after)
        shown = unit.persons.events_after(begin, min(limit, MAX_EVENTS), sources)
        quiet_until = unit.last_commit()
        labels = unit.records.labels({event.record_id for event in shown})
        times = unit.commit_info({event.commit_no for event in shown})
        persons = unit.persons.by_ids({p for e in shown for p in (e.before, e.after) if p is not None})
    eids = {number: person.eid for number, person in persons.items()}
    page = ChangeEventPage(
        "" if info is None else info.generation,
        shown[-1].commit_no if shown else after,
        tuple(
            ChangeEvent(
                event.commit_no,
                seq,
                times[event.commit_no][0],
                event.cause,
                labels[event.record_id].source,
                labels[event.record_id].local_id,
                None if event.before is None else eids[event.before],
                None if event.after is None else eids[event.after],
            )
            for seq, event in _number_events(shown, labels)
        ),
    )
    disclose(index, viewer, Action.CROSSWALK_READ, {event.record_id for event in shown}, FIELDS)
    if not shown:
        # Not before the line of the ledger is durable, and with it all that it comes after: the number of a
        # commit that is lost in a crash is given again, to one that may have something for this reader.
        _cache_quiet_cursor(index, polled, quiet_until)
    return page


def _cache_quiet_cursor(index: Index, polled: tuple[object, ...], commit: int) -> None:
    """Remember that there is nothing for a reader between its cursor and a commit."""
    index.caches.quiet_until.pop(polled, None)
    index.caches.quiet_until[polled] = commit
    for oldest in list(index.caches.quiet_until)[:-MAX_CACHED_CURSORS]:
        index.caches.quiet_until.pop(oldest, None)


def _number_events(
    shown: Iterable[IdentityEvent], labels: Mapping[int, RecordRef]
) -> Iterator[tuple[int, IdentityEvent]]:
    """Each event with its place in its commit, by label: the order of writing follows the rest too."""

    def label(event: IdentityEvent) -> tuple[str, str]:
        return labels[event.record_id].source, labels[event.record_id].local_id

    for _, of_commit in groupby(shown, key=lambda event: event.commit_no):
        yield from enumerate(sorted(of_commit, key=label), 1)
