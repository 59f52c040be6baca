"""Parts of an incident: which records are apart, which are joined again.

Two records were linked wrongly if they were of one person and are of different parts. Pure functions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from mpi.storage.repositories.access.incidents import IncidentRecord


def regroup(records: Sequence[IncidentRecord], persons: Mapping[int, int]) -> list[IncidentRecord]:
    """Return records with the parts in which they are now.

    The parts change only where records of two parts are of one person again.

    Args:
        records: records of an incident.
        persons: the present person of each record that has one.
    """
    joined = {
        person_id
        for person_id, group in _group_by_person(records).items()
        if _has_joined_parts(group, persons)
    }
    return [
        replace(record, part=persons.get(record.record_id, record.part))
        if record.person_id in joined
        else record
        for record in records
    ]


def find_joined(before: Iterable[IncidentRecord], after: Iterable[IncidentRecord]) -> set[int]:
    """Return the records that share a part with another part's record.

    Args:
        before: records of an incident.
        after: the same records with other parts.
    """
    part_before = {record.record_id: record.part for record in before}
    joined: set[int] = set()
    for group in _group_by_person(after).values():
        members_by_part: dict[int, list[int]] = {}
        for record in group:
            members_by_part.setdefault(record.part, []).append(record.record_id)
        for members in members_by_part.values():
            if len({part_before[member] for member in members}) > 1:
                joined.update(members)
    return joined


def are_joined_again(records: Iterable[IncidentRecord]) -> bool:
    """Return whether no records that were of one person are apart."""
    return all(not _is_parted(group) for group in _group_by_person(records).values())


def is_told_wrongly(told: Collection[int], records: Sequence[IncidentRecord]) -> bool:
    """Return whether answers about some records told of a wrong link.

    They did if they were about records of two parts, or about one whose enterprise ID has changed.

    Args:
        told: the records that the answers were about.
        records: records of an incident, with the parts in which they are now.
    """
    for group in _group_by_person(records).values():
        own = [record for record in group if record.record_id in told]
        if not _is_parted(group):
            continue
        if _is_parted(own) or any(record.part != record.person_id for record in own):
            return True
    return False


def _is_parted(group: Iterable[IncidentRecord]) -> bool:
    return len({record.part for record in group}) > 1


def _group_by_person(records: Iterable[IncidentRecord]) -> dict[int, list[IncidentRecord]]:
    groups: dict[int, list[IncidentRecord]] = {}
    for record in records:
        groups.setdefault(record.person_id, []).append(record)
    return groups


def _has_joined_parts(group: Iterable[IncidentRecord], persons: Mapping[int, int]) -> bool:
    """Return whether one person holds records of two parts."""
    parts_by_person: dict[int, set[int]] = {}
    for record in group:
        if record.record_id in persons:
            parts_by_person.setdefault(persons[record.record_id], set()).add(record.part)
    return any(len(parts) > 1 for parts in parts_by_person.values())
