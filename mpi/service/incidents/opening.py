"""Incidents, opened by steps that part records of one person.

Who takes over several steps at once opens an incident for each, unless they part the same person.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpi.clustering.union_find import UnionFind
from mpi.service.core.index import Index
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredIncident
from mpi.storage.unit_of_work.units import WriteUnit

_SEVERAL = "decision"
"""Kind of an incident that steps of several kinds open."""
_DOMAIN = "incident"


@dataclass(frozen=True, slots=True)
class PartingCause:
    """A step that may have parted records.

    Args:
        kind: kind of the step.
        record_ids: records that the step is about. It parted those that were of one person and are not.
    """

    kind: str
    record_ids: Collection[int]


def open_incident(unit: WriteUnit, index: Index, kind: str, before: Mapping[int, int]) -> str | None:
    """Open the incident of a step that parts records.

    Records count that the maker of the step may not see too: only privacy officers read incidents.

    Args:
        unit: the transaction of the step, after publishing.
        index: the open index.
        kind: kind of the step.
        before: person of each resolved record before the step.

    Returns:
        The code of the incident; None where the step parts nothing, or its transaction has opened one.
    """
    records = _find_parts(unit, before)
    code = index.keyed_hash.to_case_code(_DOMAIN, unit.commit_no)
    if not records or unit.incidents.find(code) is not None:
        return None
    unit.incidents.add(StoredIncident(code, kind, unit.commit_no), records)
    return code


def open_incidents(
    unit: WriteUnit,
    index: Index,
    causes: Sequence[PartingCause],
    before: Mapping[int, int],
    scope: str | None = None,
) -> list[str]:
    """Open the incidents of several steps that take effect in one transaction.

    Persons that are parted by none of the steps, but by new content, count in none.

    Args:
        unit: the transaction, after publishing.
        index: the open index.
        causes: the steps.
        before: person of each resolved record before the transaction.
        scope: code of the scope in which the steps were made; None where they were made in this index.

    Returns:
        The codes of the incidents; none where nothing is parted, or the transaction has opened them.
    """
    records_by_person: dict[int, list[IncidentRecord]] = {}
    for record in _find_parts(unit, before):
        records_by_person.setdefault(record.person_id, []).append(record)
    codes = []
    for number, (kind, persons) in enumerate(_group_causes(causes, records_by_person)):
        code = index.keyed_hash.to_case_code(_DOMAIN, unit.commit_no, number)
        if unit.incidents.find(code) is None:
            records = [record for person in persons for record in records_by_person[person]]
            unit.incidents.add(StoredIncident(code, kind, unit.commit_no, scope=scope), records)
            codes.append(code)
    return codes


def _group_causes(
    causes: Iterable[PartingCause], records_by_person: Mapping[int, Sequence[IncidentRecord]]
) -> list[tuple[str, list[int]]]:
    """Return the kind and the parted persons of each incident.

    Steps that part the same person share an incident.
    """
    place_of = {
        record.record_id: (person, record.part)
        for person, records in records_by_person.items()
        for record in records
    }
    incidents, kinds_by_person = UnionFind(), dict[int, set[str]]()
    for cause in causes:
        persons = _find_parted_persons(place_of[each] for each in cause.record_ids if each in place_of)
        for person in persons:
            kinds_by_person.setdefault(person, set()).add(cause.kind)
        if persons:
            incidents.join_all(persons)
    return [
        (_choose_kind(set().union(*(kinds_by_person[person] for person in persons))), sorted(persons))
        for persons in incidents.list_sets().values()
    ]


def _find_parted_persons(places: Iterable[tuple[int, int]]) -> list[int]:
    """Return the persons of which records are in several parts.

    Args:
        places: person and part of each record.
    """
    parts_by_person: dict[int, set[int]] = {}
    for person, part in places:
        parts_by_person.setdefault(person, set()).add(part)
    return [person for person, parts in parts_by_person.items() if len(parts) > 1]


def _choose_kind(kinds: Collection[str]) -> str:
    return next(iter(kinds)) if len(kinds) == 1 else _SEVERAL


def _find_parts(unit: WriteUnit, before: Mapping[int, int]) -> list[IncidentRecord]:
    """Return the records of persons that were parted, each with its part.

    A record that takes no part any more was not parted from the others by evidence.
    """
    after = unit.persons.current_persons(before)
    parts_by_person: dict[int, set[int]] = {}
    for record, person in before.items():
        if record in after:
            parts_by_person.setdefault(person, set()).add(after[record])
    return [
        IncidentRecord(record, person, after[record])
        for record, person in before.items()
        if record in after and len(parts_by_person[person]) > 1
    ]
