"""Persons: look one up, its history, and who was who on a past date."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose, build_disclosure
from mpi.service.core.index import Index
from mpi.service.core.visibility import known, visible
from mpi.service.decisions.decision_log import projected
from mpi.service.persons.etags import etag
from mpi.service.persons.person_status import Appearance, appearance
from mpi.standardize.fields.scalars import local_id_of
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Person
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.unit import ReadUnit

IMPORTED = "import"
"""Origin of what an old crosswalk said."""
_NEVER = "this index never gave out that enterprise ID"


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


def person(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonView:
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
        view, line = person_in(unit, index, text, as_of)
    index.store.ledger.write(index.database, viewer, line)
    return view


def person_in(
    unit: ReadUnit, index: Index, text: str, as_of: str | None = None
) -> tuple[PersonView, Disclosure]:
    """What ``person`` answers in a snapshot, and the line of the ledger that must be written before."""
    require_permission(unit.viewer, Action.PERSON_READ)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    found = _parsed(unit, text)
    at = None if at_moment is None else unit.commit_at(at_moment)
    seen = _appearance(unit, found)
    if at is not None and seen.since > at:
        raise NotFoundError("there was no such enterprise ID at that time")
    members = _members(unit, found, at)
    labels = visible(unit, members)
    since = unit.commit_info({seen.since})[seen.since][0]
    view = PersonView(
        found.eid,
        seen.status,
        _eids(unit, found, seen.holders),
        tuple(labels[number] for number in members if number in labels),
        _flags(unit, members, labels) if at is None else (),
        since,
        etag(unit, index, [found]) if at is None else "",
    )
    fields = ("now", "records", *(("flags",) if view.flags else ()))
    return view, build_disclosure(unit.viewer, Action.PERSON_READ, labels, fields)


def lineage(index: Index, viewer: Viewer, text: str) -> tuple[LineageStep, ...]:
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
        found = _find(unit, text)
        events = unit.persons.events_of([found.id])
        labels = visible(unit, {event.record_id for event in events})
        ids = {p for event in events for p in (event.before, event.after) if p is not None}
        names = {number: one.eid for number, one in unit.persons.by_ids(ids).items()}
        # A sealed record has no label: its steps do not show.
        shown = [event for event in events if event.record_id in labels]
        acts = _acts(unit, labels)
        quiet = {commit: act for commit, act in acts.items() if commit not in {e.commit_no for e in shown}}
        info = unit.commit_info({event.commit_no for event in shown} | quiet.keys())
        lines = [
            (
                event.commit_no,
                LineageStep(
                    info[event.commit_no][0],
                    _told(viewer, info[event.commit_no][1], by_act=event.commit_no in acts),
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


def _told(viewer: Viewer, client: str, *, by_act: bool) -> str | None:
    """Who made a change, unless that tells which other source's record brought it about."""
    return client if viewer.sources is None or by_act or client == viewer.client else None


def _acts(unit: ReadUnit, labels: Mapping[int, RecordRef]) -> dict[int, tuple[int, str]]:
    """By commit: the step about any of the records that was done or undone in it, and what to call that."""
    made = unit.decisions.of_records(labels).values()
    seen = {one.step_id for one in made if one.step_id is not None and projected(unit, one) is not None}
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
class Addressed:
    """Records of an enterprise ID: the crosswalk the other way."""

    enterprise_id: str
    records: tuple[RecordRef, ...]


def crosswalk(
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
        entry, line = crosswalk_in(unit, source_code, local_id, as_of)
    index.store.ledger.write(index.database, viewer, line)
    return entry


def crosswalk_in(
    unit: ReadUnit, source_code: str, local_id: str, as_of: str | None = None
) -> tuple[CrosswalkEntry, Disclosure]:
    """What ``crosswalk`` answers in a snapshot, and the line of the ledger that must be written before."""
    require_permission(unit.viewer, Action.CROSSWALK_READ, source_code)
    local_id = local_id_of(local_id)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    source = unit.sources.get_by_code(source_code)
    record = known(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise NotFoundError(f"source {source_code!r} has no such record")
    if at_moment is None:
        number = unit.persons.current_persons([record.id]).get(record.id) or _imported(unit, record.id)
    else:
        number = unit.persons.person_at(record.id, unit.commit_at(at_moment))
    found = None if number is None else unit.persons.by_ids([number])[number].eid
    line = build_disclosure(unit.viewer, Action.CROSSWALK_READ, [record.id], ("enterprise_id",))
    return CrosswalkEntry(source_code, local_id, found), line


def _imported(unit: ReadUnit, record_id: int) -> int | None:
    """Who holds all the records that an old ID of another system linked, as the viewer may see them."""
    holders: set[int] = set()
    for one in unit.decisions.of_records([record_id]).values():
        if one.origin == IMPORTED and one.status is DecisionStatus.IN_FORCE:
            holders |= set(unit.persons.current_persons(visible(unit, one.seen)).values())
    return holders.pop() if len(holders) == 1 else None


def records_of(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> Addressed:
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
        found = _find(unit, text)
        members = _members(unit, found, None if at_moment is None else unit.commit_at(at_moment))
        labels = visible(unit, members)
    disclose(index, viewer, Action.CROSSWALK_READ, labels, ("source", "local_id"))
    return Addressed(found.eid, tuple(labels[number] for number in members if number in labels))


def _find(unit: ReadUnit, text: str) -> Person:
    found = _parsed(unit, text)
    _appearance(unit, found)
    return found


def _parsed(unit: ReadUnit, text: str) -> Person:
    found = unit.persons.find_by_eid(eids.parse_eid(text))
    if found is None:
        raise NotFoundError(_NEVER)
    return found


def _eids(unit: ReadUnit, found: Person, holders: Collection[int]) -> tuple[str, ...]:
    others = unit.persons.by_ids([number for number in holders if number != found.id])
    mine = [found.eid] if found.id in holders else []
    return tuple(sorted([*mine, *(holder.eid for holder in others.values())]))


def _appearance(unit: ReadUnit, found: Person) -> Appearance:
    seen = appearance(unit, found)
    if seen is None:
        raise NotFoundError(_NEVER)
    return seen


def _members(unit: ReadUnit, found: Person, at: int | None) -> list[int]:
    if at is None:
        return unit.persons.members([found.id])[found.id]
    return unit.persons.members_at(found.id, at)


def _flags(unit: ReadUnit, members: Collection[int], labels: Mapping[int, RecordRef]) -> tuple[FlagView, ...]:
    rows = unit.records.flags(members)
    return tuple(flag_view(row, labels[row.record_id]) for row in rows if row.record_id in labels)


def flag_view(row: Any, label: RecordRef) -> FlagView:  # noqa: ANN401 - a row of the flag table, with ``as_of``
    """A flag of a record, as it is shown."""
    return FlagView(
        row.population, row.value, row.definition, row.detail, row.begin, row.end,
        row.asserted_by or label.source, label.source, label.local_id, row.as_of,
    )  # fmt: skip
