"""Definition of a child in care, and the search for such children."""

from collections.abc import Collection

from mpi.domain.record import CanonicalRecord
from mpi.domain.source import CARE_KINDS
from mpi.service.resolution.task_facts import is_in_care
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit


def is_child_in_care(source_kind: str, record: CanonicalRecord) -> bool:
    """Return whether a record says that its child is in care.

    So says a record of child welfare, a foster-care flag in force, and an open placement. The day is that of
    the record's as-of, so that nothing changes with the clock.

    Args:
        source_kind: kind of the record's source.
        record: the record.
    """
    return source_kind in CARE_KINDS or is_in_care(record, (record.as_of or "")[:10])


def find_persons_in_care(unit: ReadUnit, persons: Collection[int]) -> set[int]:
    """Return the persons with an active record that says that they are in care."""
    members = unit.persons.members(persons)
    kinds = {source.id: source.kind for source in unit.sources.all()}
    sources = unit.records.source_ids_of({record for records in members.values() for record in records})
    in_care = {
        person
        for person, records in members.items()
        if any(kinds[sources[record]] in CARE_KINDS for record in records)
    }
    others = {record: person for person in members.keys() - in_care for record in members[person]}
    for record, version in unit.records.active_versions(others).items():
        if others[record] not in in_care and is_child_in_care(
            kinds[version.source_id], record_from_bytes(version.payload)
        ):
            in_care.add(others[record])
    return in_care


def find_records_in_care(unit: ReadUnit, records: Collection[int]) -> set[int]:
    """Return those of some records whose person is a child in care."""
    persons = unit.persons.current_persons(records)
    in_care = find_persons_in_care(unit, set(persons.values()))
    return {record for record, person in persons.items() if person in in_care}
