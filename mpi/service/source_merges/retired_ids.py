"""Enterprise IDs given to a source and retired now.

The list follows from the source's own records alone, whoever asks: an ID is retired for a source if none of
its records has it any more and one of those that had it last has come to another person. That is what a
look-up by this source answers.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.errors import InputError, UnmetConditionError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import sees_whole_source, visible_labels
from mpi.service.persons.change_feed import require_feed_access
from mpi.service.persons.child_conditions import require_child_conditions
from mpi.service.persons.person_status import find_last_held
from mpi.storage.repositories.persons.identity_events import IdentityEvent
from mpi.storage.unit_of_work.units import ReadUnit

MAX_LISTED = 1000
"""Most retired IDs of one page."""
FIELDS = ("enterprise_id", "local_id")
_CURSOR = re.compile(r"(\d{1,18})-([0-9A-Z-]{1,32})")


@dataclass(frozen=True, slots=True)
class RetiredId:
    """A retired enterprise ID that a source was given.

    Args:
        enterprise_id: the retired ID.
        retired_at: when it was retired for this source (ISO, UTC).
        now: the IDs that hold its last records of this source today: one, several after a split, or none.
        local_ids: local IDs of these records.
    """

    enterprise_id: str
    retired_at: str
    now: tuple[str, ...]
    local_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetiredIdPage:
    """A page of retired IDs, in the order of their retirement.

    Args:
        source: code of the source.
        cursor: ``after`` of the next page; None at the end.
        retired: the retired IDs.
    """

    source: str
    cursor: str | None
    retired: tuple[RetiredId, ...]


@dataclass(frozen=True, slots=True)
class _Retirement:
    """A person whose ID is retired for a source.

    Args:
        person: number of the person.
        commit_no: commit that retired it.
        records: records of the source that it held last.
    """

    person: int
    commit_no: int
    records: frozenset[int]


def list_retired_ids(
    index: Index,
    viewer: Viewer,
    source_code: str,
    *,
    since: str | None = None,
    after: str | None = None,
    limit: int = MAX_LISTED,
) -> RetiredIdPage:
    """Return a source's retired IDs and their successors.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        since: earliest time of retirement (ISO 8601, index time); None for all.
        after: cursor of the page before; None from the beginning.
        limit: most IDs to return, up to ``MAX_LISTED``.

    Raises:
        InputError: ``since`` is not a time, or ``after`` is not a cursor.
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not read the crosswalk of this source, or asks in an emergency, which is
            about one child.
    """
    require_permission(viewer, Action.CROSSWALK_READ, source_code)
    require_feed_access(viewer)
    begin = None if since is None else _parse_since(since)
    place_before = (0, "") if after is None else _parse_cursor(after)
    with index.database.read(replace(viewer, sources=frozenset({source_code}))) as unit:
        source = unit.sources.get_by_code(source_code)
        # As in the change feed: who sees some children of the source alone reads no list.
        retirements = (
            list(_find_retirements(unit, unit.persons.persons_left_by(source.id)))
            if sees_whole_source(viewer, source_code)
            else []
        )
        eids = {
            number: person.eid
            for number, person in unit.persons.by_ids([each.person for each in retirements]).items()
        }
        times = _read_times(unit, retirements)
        places = sorted(
            ((each.commit_no, eids[each.person]), each)
            for each in retirements
            if begin is None or times[each.commit_no] >= begin
        )
        later = [(place, each) for place, each in places if place > place_before]
        page = later[: min(limit, MAX_LISTED)]
        shown = tuple(_build_views(unit, [each for _, each in page], eids, times))
    record_ids = {record for _, each in page for record in each.records}
    disclose(index, viewer, Action.CROSSWALK_READ, record_ids, FIELDS)
    is_last = len(page) == len(later)
    return RetiredIdPage(source_code, None if is_last else "{}-{}".format(*page[-1][0]), shown)


def _parse_since(text: str) -> str:
    """Return the earliest time of retirement as a stored timestamp."""
    try:
        return clock.parse_timestamp(text)
    except InputError as error:
        raise InputError(str(error).replace("as_of", "since", 1)) from None


def _parse_cursor(text: str) -> tuple[int, str]:
    """Return the place of the last retired ID of the page before."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InputError("after: give the cursor of the page before")
    return int(match[1]), match[2]


def _find_retirements(unit: ReadUnit, person_ids: Collection[int]) -> Iterator[_Retirement]:
    """Yield the retirements of persons for the viewer's one source."""
    events = unit.identity_events.events_of(person_ids)
    visible = visible_labels(unit, {event.record_id for event in events}).keys()
    own_events = [event for event in events if event.record_id in visible]
    events_by_person: dict[int, list[IdentityEvent]] = {}
    events_by_record: dict[int, list[IdentityEvent]] = {}
    for event in own_events:
        events_by_record.setdefault(event.record_id, []).append(event)
        for person in {event.before, event.after} & set(person_ids):
            if person is not None:
                events_by_person.setdefault(person, []).append(event)
    current = unit.persons.current_persons(visible)
    held_now = set(current.values())
    for person, person_events in events_by_person.items():
        if person in held_now:
            continue
        last_records, joined_another = find_last_held(person, person_events)
        if not joined_another and not any(record in current for record in last_records):
            continue
        retirement = _find_retirement(unit, person, person_events, last_records)
        if retirement is not None:
            yield retirement


def _find_retirement(
    unit: ReadUnit, person: int, events: Collection[IdentityEvent], last_records: Collection[int]
) -> _Retirement | None:
    """Return when a person without records of the source was retired.

    None if a condition on the child does not hold.
    """
    emptied_commit = max(event.commit_no for event in events if event.before == person)
    joined_commits = [
        membership.from_commit
        for memberships in unit.persons.memberships_of(last_records).values()
        for membership in memberships
        if membership.from_commit >= emptied_commit and membership.person_id != person
    ]
    try:
        require_child_conditions(unit, last_records)
    except UnmetConditionError:
        return None
    return _Retirement(person, min(joined_commits, default=emptied_commit), frozenset(last_records))


def _read_times(unit: ReadUnit, retirements: Collection[_Retirement]) -> dict[int, str]:
    """Return the time of each commit that retired an ID."""
    info = unit.commit_info({each.commit_no for each in retirements})
    return {number: row[0] for number, row in info.items()}


def _build_views(
    unit: ReadUnit,
    retirements: Collection[_Retirement],
    eids: Mapping[int, str],
    times: Mapping[int, str],
) -> Iterator[RetiredId]:
    """Yield the views of retired IDs."""
    records = {record for each in retirements for record in each.records}
    current = unit.persons.current_persons(records)
    holders = {number: person.eid for number, person in unit.persons.by_ids(set(current.values())).items()}
    labels = visible_labels(unit, records)
    for each in retirements:
        yield RetiredId(
            enterprise_id=eids[each.person],
            retired_at=times[each.commit_no],
            now=tuple(sorted({holders[current[record]] for record in each.records if record in current})),
            local_ids=tuple(sorted(labels[record].local_id for record in each.records if record in labels)),
        )
