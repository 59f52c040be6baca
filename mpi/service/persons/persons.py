"""Persons: look one up, its history, and who was who on a past date."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import build_disclosure, disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_visible_records, visible_labels
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.persons.etags import compute_etag
from mpi.service.persons.person_status import VisibleStatus, find_visible_status
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Person
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.unit import ReadUnit

IMPORT_ORIGIN = "import"
"""Origin of what an old crosswalk said."""
_UNKNOWN_ID = "this index never gave out that enterprise ID"


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag of a person, with its provenance: it lives on a record, not on the person."""

    population: str
    value: str
    definition: str
    detail: str | None
    begin: str | None
    end: str | None
    asserted_by: str
    source: str
    local_id: str
    as_of: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """What an enterprise ID stands for.

    Args:
        enterprise_id: the ID asked for, as written.
        status: ``active``, ``retired`` or ``empty``.
        now: the IDs that hold its records today: itself while active; for a retired ID one, several (it was
            split) or none (they are gone).
        records: source records it holds, or held as of the commit asked for.
        flags: special-population flags of those records.
        since: when the ID was minted, or first bore a record that the viewer may see.
        etag: names what was read, for ``If-Match``; empty for a past moment.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    records: tuple[RecordRef, ...]
    flags: tuple[FlagView, ...]
    since: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One change of one record's person; or a person's step that changed none, with no record.

    ``client`` is None where it would tell of a record that the viewer may not see.
    """

    at: str
    client: str | None
    cause: str
    record: RecordRef | None
    before: str | None
    after: str | None
    step: int | None = None


def look_up_person(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonView:
    """Look up an enterprise ID; a retired one answers with the persons that now hold its records.

    Args:
        index: the open index.
        viewer: who asks.
        text: the ID as typed.
        as_of: moment in index time (ISO 8601) to answer for; None for now.

    Raises:
        EidError: it is not an enterprise ID.
        InputError: ``as_of`` is no moment.
        NotFoundError: it was never minted here, or not yet at that time; or it holds nothing that the
            viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    with index.database.read(viewer) as unit:
        view, line = read_person(unit, index, text, as_of)
    index.store.ledger.write(index.database, viewer, line)
    return view


def read_person(
    unit: ReadUnit, index: Index, text: str, as_of: str | None = None
) -> tuple[PersonView, Disclosure]:
    """What ``look_up_person`` answers in a snapshot, and the line of the ledger that must be written before."""
    require_permission(unit.viewer, Action.PERSON_READ)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    found = _find_person(unit, text)
    at = None if at_moment is None else unit.commit_at(at_moment)
    seen = _require_visible_status(unit, found)
    if at is not None and seen.since_commit > at:
        raise NotFoundError("there was no such enterprise ID at that time")
    members = _members_at(unit, found, at)
    labels = visible_labels(unit, members)
    since = unit.commit_info({seen.since_commit})[seen.since_commit][0]
    view = PersonView(
        found.eid,
        seen.status,
        _current_ids(unit, found, seen.holders),
        tuple(labels[number] for number in members if number in labels),
        _flag_views(unit, members, labels) if at is None else (),
        since,
        compute_etag(unit, index, [found]) if at is None else "",
    )
    fields = ("now", "records", *(("flags",) if view.flags else ()))
    return view, build_disclosure(unit.viewer, Action.PERSON_READ, labels, fields)


def look_up_lineage(index: Index, viewer: Viewer, text: str) -> tuple[LineageStep, ...]:
    """Every change that took a record into or out of an enterprise ID, oldest first.

    A decision, merge, split or move about its records shows, and so does its undo, even where it changed
    nothing because the model or another decision says the same.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    require_permission(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        found = _find_visible_person(unit, text)
        events = unit.persons.events_of([found.id])
        labels = visible_labels(unit, {event.record_id for event in events})
        ids = {p for event in events for p in (event.before, event.after) if p is not None}
        names = {number: one.eid for number, one in unit.persons.by_ids(ids).items()}
        # A sealed record has no label: its steps do not show.
        shown = [event for event in events if event.record_id in labels]
        acts = _steps_by_commit(unit, labels)
        quiet = {commit: act for commit, act in acts.items() if commit not in {e.commit_no for e in shown}}
        info = unit.commit_info({event.commit_no for event in shown} | quiet.keys())
        lines = [
            (
                event.commit_no,
                LineageStep(
                    info[event.commit_no][0],
                    _visible_client(viewer, info[event.commit_no][1], by_act=event.commit_no in acts),
                    event.cause,
                    labels[event.record_id],
                    None if event.before is None else names[event.before],
                    None if event.after is None else names[event.after],
                    acts[event.commit_no][0] if event.commit_no in acts else None,
                ),
            )
            for event in shown
        ] + [
            (commit, LineageStep(*info[commit][:2], cause, None, None, None, step))
            for commit, (step, cause) in quiet.items()
        ]
        steps = tuple(line for _, line in sorted(lines, key=lambda line: line[0]))
    disclose(index, viewer, Action.PERSON_READ, labels, ("before", "after", "cause"))
    return steps


def _visible_client(viewer: Viewer, client: str, *, by_act: bool) -> str | None:
    """Who made a change, unless that tells which other source's record brought it about."""
    return client if viewer.sources is None or by_act or client == viewer.client else None


def _steps_by_commit(unit: ReadUnit, labels: Mapping[int, RecordRef]) -> dict[int, tuple[int, str]]:
    """By commit: the step about any of the records that was done or undone in it, and what to call that."""
    made = unit.decisions.of_records(labels).values()
    seen = {one.step_id for one in made if one.step_id is not None and visible_groups(unit, one) is not None}
    found: dict[int, tuple[int, str]] = {}
    for number in sorted(seen):
        step = unit.steps.get(number)
        if step is not None:
            found[step.commit_no] = (number, step.kind)
            if step.undone_commit is not None:
                found[step.undone_commit] = (number, f"undo {step.kind}")
    return found


@dataclass(frozen=True, slots=True)
class CrosswalkEntry:
    """A record's person: ``enterprise_id`` is None where it had none at that time."""

    source: str
    local_id: str
    enterprise_id: str | None


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """Records of an enterprise ID: the crosswalk the other way."""

    enterprise_id: str
    records: tuple[RecordRef, ...]


def look_up_crosswalk(
    index: Index, viewer: Viewer, source_code: str, local_id: str, as_of: str | None = None
) -> CrosswalkEntry:
    """From (source, local ID) to enterprise ID, now or as of a moment in index time (ISO 8601).

    Raises:
        RecordError: it is no local ID.
        InputError: ``as_of`` is no moment.
        NotFoundError: no such source or record that the viewer may know of.
        AccessDenied: the viewer may not read the crosswalk, or not of this source.
    """
    with index.database.read(viewer) as unit:
        entry, line = read_crosswalk(unit, source_code, local_id, as_of)
    index.store.ledger.write(index.database, viewer, line)
    return entry


def read_crosswalk(
    unit: ReadUnit, source_code: str, local_id: str, as_of: str | None = None
) -> tuple[CrosswalkEntry, Disclosure]:
    """What ``look_up_crosswalk`` answers in a snapshot, and the line of the ledger that must be written before."""
    require_permission(unit.viewer, Action.CROSSWALK_READ, source_code)
    local_id = parse_local_id(local_id)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    source = unit.sources.get_by_code(source_code)
    record = find_visible_records(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise NotFoundError(f"source {source_code!r} has no such record")
    if at_moment is None:
        number = unit.persons.current_persons([record.id]).get(record.id) or _imported_person(unit, record.id)
    else:
        number = unit.persons.person_at(record.id, unit.commit_at(at_moment))
    found = None if number is None else unit.persons.by_ids([number])[number].eid
    line = build_disclosure(unit.viewer, Action.CROSSWALK_READ, [record.id], ("enterprise_id",))
    return CrosswalkEntry(source_code, local_id, found), line


def _imported_person(unit: ReadUnit, record_id: int) -> int | None:
    """Who holds all the records that an old ID of another system linked, as the viewer may see them."""
    holders: set[int] = set()
    for one in unit.decisions.of_records([record_id]).values():
        if one.origin == IMPORT_ORIGIN and one.status is DecisionStatus.IN_FORCE:
            holders |= set(unit.persons.current_persons(visible_labels(unit, one.seen)).values())
    return holders.pop() if len(holders) == 1 else None


def look_up_records(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonRecords:
    """From enterprise ID to the records that it holds, now or as of a moment in index time (ISO 8601).

    Raises:
        EidError: it is not an enterprise ID.
        InputError: ``as_of`` is no moment.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read the crosswalk.
    """
    require_permission(viewer, Action.CROSSWALK_READ)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    with index.database.read(viewer) as unit:
        found = _find_visible_person(unit, text)
        members = _members_at(unit, found, None if at_moment is None else unit.commit_at(at_moment))
        labels = visible_labels(unit, members)
    disclose(index, viewer, Action.CROSSWALK_READ, labels, ("source", "local_id"))
    return PersonRecords(found.eid, tuple(labels[number] for number in members if number in labels))


def _find_visible_person(unit: ReadUnit, text: str) -> Person:
    found = _find_person(unit, text)
    _require_visible_status(unit, found)
    return found


def _find_person(unit: ReadUnit, text: str) -> Person:
    found = unit.persons.find_by_eid(eids.parse_eid(text))
    if found is None:
        raise NotFoundError(_UNKNOWN_ID)
    return found


def _current_ids(unit: ReadUnit, found: Person, holders: Collection[int]) -> tuple[str, ...]:
    others = unit.persons.by_ids([number for number in holders if number != found.id])
    mine = [found.eid] if found.id in holders else []
    return tuple(sorted([*mine, *(holder.eid for holder in others.values())]))


def _require_visible_status(unit: ReadUnit, found: Person) -> VisibleStatus:
    seen = find_visible_status(unit, found)
    if seen is None:
        raise NotFoundError(_UNKNOWN_ID)
    return seen


def _members_at(unit: ReadUnit, found: Person, at: int | None) -> list[int]:
    if at is None:
        return unit.persons.members([found.id])[found.id]
    return unit.persons.members_at(found.id, at)


def _flag_views(
    unit: ReadUnit, members: Collection[int], labels: Mapping[int, RecordRef]
) -> tuple[FlagView, ...]:
    rows = unit.records.flags(members)
    return tuple(to_flag_view(row, labels[row.record_id]) for row in rows if row.record_id in labels)


def to_flag_view(row: Any, label: RecordRef) -> FlagView:  # noqa: ANN401 - a row of the flag table, with ``as_of``
    """A flag of a record, as it is shown."""
    return FlagView(
        row.population, row.value, row.definition, row.detail, row.begin, row.end,
        row.asserted_by or label.source, label.source, label.local_id, row.as_of,
    )  # fmt: skip
