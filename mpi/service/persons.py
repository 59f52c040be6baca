"""Persons: look one up, its history, and who was who on a past date."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.storage.repositories.persons import Person, PersonStatus
from mpi.storage.repositories.records import Label
from mpi.storage.unit import ReadUnit


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
        since: when the ID was minted.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    records: tuple[Label, ...]
    flags: tuple[FlagView, ...]
    since: str


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One change of one record's person."""

    at: str
    client: str
    cause: str
    record: Label | None
    before: str | None
    after: str | None


def person(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonView:
    """Look up an enterprise ID; a retired one answers with the persons that now hold its records.

    Args:
        index: the open index.
        viewer: who asks.
        text: the ID as typed.
        as_of: moment in index time (ISO, UTC) to answer for; None for now.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or not yet at that time.
        AccessDenied: the viewer may not read persons.
    """
    permit(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        found = _find(unit, text)
        at = None if as_of is None else unit.commit_at(as_of)
        if at is not None and found.minted_commit > at:
            raise NotFoundError("there was no such enterprise ID at that time")
        members = (
            unit.persons.members([found.id])[found.id]
            if at is None
            else unit.persons.members_at(found.id, at)
        )
        labels = unit.records.labels(members)
        minted = unit.commit_info({found.minted_commit})[found.minted_commit][0]
        return PersonView(
            found.eid,
            *_standing(unit, found),
            tuple(labels[number] for number in members if number in labels),
            _flags(unit, members, labels) if at is None else (),
            minted,
        )


def lineage(index: Index, viewer: Viewer, text: str) -> tuple[LineageStep, ...]:
    """Every change that took a record into or out of an enterprise ID, oldest first.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here.
        AccessDenied: the viewer may not read persons.
    """
    permit(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        found = _find(unit, text)
        events = unit.persons.events_of([found.id])
        info = unit.commit_info({event.commit_no for event in events})
        labels = unit.records.labels({event.record_id for event in events})
        ids = {p for event in events for p in (event.before, event.after) if p is not None}
        names = {number: one.eid for number, one in unit.persons.get(ids).items()}
        return tuple(
            LineageStep(
                info[event.commit_no][0],
                info[event.commit_no][1],
                event.cause,
                labels.get(event.record_id),
                None if event.before is None else names[event.before],
                None if event.after is None else names[event.after],
            )
            for event in events
            # A sealed record has no label: its steps do not show.
            if event.record_id in labels
        )


@dataclass(frozen=True, slots=True)
class CrosswalkEntry:
    """A record's person: ``enterprise_id`` is None where it had none at that time."""

    source: str
    local_id: str
    enterprise_id: str | None


def crosswalk(
    index: Index, viewer: Viewer, source_code: str, local_id: str, as_of: str | None = None
) -> CrosswalkEntry:
    """From (source, local ID) to enterprise ID, now or as of a moment in index time (ISO, UTC).

    Raises:
        NotFoundError: no such source or record that the viewer may know of.
        AccessDenied: the viewer may not read the crosswalk, or not of this source.
    """
    permit(viewer, Action.CROSSWALK_READ, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.by_code(source_code)
        record = unit.records.find(source.id, [local_id]).get(local_id)
        if record is None or record.id not in unit.records.labels([record.id]):
            raise NotFoundError(f"source {source_code!r} has no such record")
        if as_of is None:
            number = unit.persons.current([record.id]).get(record.id)
        else:
            number = unit.persons.person_at(record.id, unit.commit_at(as_of))
        found = None if number is None else unit.persons.get([number])[number].eid
        return CrosswalkEntry(source_code, local_id, found)


def now_holding(unit: ReadUnit, found: Person) -> list[str]:
    """The enterprise IDs that hold the records that a retired ID held when it was retired."""
    records = unit.persons.last_held([found])[found.id]
    holders = unit.persons.get(set(unit.persons.current(records).values()))
    return sorted(holder.eid for holder in holders.values())


def _find(unit: ReadUnit, text: str) -> Person:
    found = unit.persons.by_eid(eids.parse(text))
    if found is None:
        raise NotFoundError("this index never gave out that enterprise ID")
    return found


def _standing(unit: ReadUnit, found: Person) -> tuple[str, tuple[str, ...]]:
    if found.status != PersonStatus.RETIRED:
        return found.status, (found.eid,)
    return PersonStatus.RETIRED, tuple(now_holding(unit, found))


def _flags(unit: ReadUnit, members: Collection[int], labels: Mapping[int, Label]) -> tuple[FlagView, ...]:
    def view(row: Any) -> FlagView:  # noqa: ANN401 - a row of the flag query
        label = labels[row.record_id]
        return FlagView(
            row.population, row.value, row.definition, row.detail, row.begin, row.end,
            row.asserted_by or label.source, label.source, label.local_id, row.as_of,
        )  # fmt: skip

    return tuple(view(row) for row in unit.records.flags(members) if row.record_id in labels)
