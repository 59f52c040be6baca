"""Definition of a child in care, and the search for such children."""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mpi.domain.record import CanonicalRecord
from mpi.domain.source import CARE_KINDS
from mpi.service.core.index import Index
from mpi.service.resolution.task_facts import is_in_care
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Related:
    """Records of scored pairs, by their relation to children in care.

    Args:
        in_care: stored records of children in care.
        near: other records with a pair of at least the influence floor with one of them, so that they may be
            linked to it.
        held: all records that are to be held: those in care, those in any stored pair with them, and those
            with a pair of at least the influence floor with a near record. The last are rivals: without them,
            a near record might be linked to the wrong child.
    """

    in_care: frozenset[int]
    near: frozenset[int]
    held: frozenset[int]


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
    """Return the persons with an active record of being in care."""
    members = unit.persons.members(persons)
    kinds = {source.id: source.kind for source in unit.sources.all()}
    sources = unit.records.source_ids_of({record for records in members.values() for record in records})
    in_care = {
        person
        for person, records in members.items()
        if any(kinds[sources[record]] in CARE_KINDS for record in records)
    }
    others = {record: person for person in members.keys() - in_care for record in members[person]}
    for record, version in unit.record_versions.active_versions(others).items():
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


def find_related(unit: ReadUnit, index: Index, edges: Edges) -> Related:
    """Divide the records of scored pairs by relation to care.

    Args:
        unit: the transaction.
        index: the open index.
        edges: scored pairs; a negative number is of a record that is not stored.
    """
    floor = index.matcher.model.thresholds.influence_floor
    strong = {edge for edge, bits in edges.items() if bits >= floor}
    stored = {end for edge in edges for end in edge if end > 0}
    in_care = find_records_in_care(unit, stored)
    paired = _find_ends(edges, in_care)
    near = _find_ends(strong, in_care) - in_care
    near |= _find_near(unit, index, stored - in_care - near)
    rivals = _find_ends(strong, near)
    return Related(frozenset(in_care), frozenset(near), frozenset(in_care | paired | rivals))


def _find_ends(edges: Iterable[tuple[int, int]], records: AbstractSet[int]) -> set[int]:
    """Return both ends of the pairs that have one of some records."""
    return {end for edge in edges if not records.isdisjoint(edge) for end in edge}


def _find_near(unit: ReadUnit, index: Index, records: Collection[int]) -> set[int]:
    """Return the stored records that may join a child in care."""
    floor = index.matcher.model.thresholds.influence_floor
    edges = unit.derived_data.edges_of(index.config_id(unit), records, floor)
    in_care = find_records_in_care(unit, {end for edge in edges for end in edge})
    return _find_ends(edges, in_care).intersection(records)
