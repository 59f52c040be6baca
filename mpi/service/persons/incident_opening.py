"""Incidents, opened by steps that part records of one person."""

from collections.abc import Mapping

from mpi.service.core.index import Index
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredIncident
from mpi.storage.unit_of_work.units import WriteUnit


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
    if not records:
        return None
    code = index.keyed_hash.to_case_code("incident", unit.commit_no)
    if unit.incidents.find(code) is not None:
        return None
    unit.incidents.add(StoredIncident(code, kind, unit.commit_no), records)
    return code


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
