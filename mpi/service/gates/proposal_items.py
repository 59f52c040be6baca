"""Proposal items: the separately approvable changes of a re-cluster."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.record_ref import RecordRef
from mpi.service.resolution.settlement import Settlement
from mpi.storage.repositories.derived.proposals import ProposalItem
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class PersonGroup:
    """Records of one person, which has no enterprise ID before minting."""

    enterprise_id: str | None
    records: tuple[RecordRef, ...]


def list_items(settlement: Settlement) -> list[ProposalItem]:
    """List the separately approvable person changes of a plan, in fixed order.

    No two items concern the same person.
    """
    assignments = {frozenset(assignment.records): assignment for assignment in settlement.assignments}
    cluster_by_record = {record: group for group in assignments for record in group}
    records_by_person: dict[int, set[int]] = {}
    for record, person in settlement.persons_before.items():
        if record in cluster_by_record:
            records_by_person.setdefault(person, set()).add(record)
    items: list[ProposalItem] = []
    done: set[int] = set()
    for person in sorted(records_by_person):
        if person in done:
            continue
        persons, groups = _collect_connected(
            person, records_by_person, cluster_by_record, settlement.persons_before
        )
        done |= persons
        before = sorted((person, sorted(records_by_person[person])) for person in persons)
        after = sorted(
            ((assignments[group].person, sorted(group)) for group in groups), key=lambda side: side[1]
        )
        if [list(side) for side in before] != [list(side) for side in after]:
            items.append(_build_item(len(items) + 1, before, after))
    return items


def _collect_connected(
    person: int,
    records_by_person: Mapping[int, set[int]],
    cluster_by_record: Mapping[int, frozenset[int]],
    person_by_record: Mapping[int, int],
) -> tuple[set[int], set[frozenset[int]]]:
    """Collect persons and new clusters that share records with a person."""
    persons, groups, frontier = {person}, set[frozenset[int]](), [person]
    while frontier:
        for record in records_by_person[frontier.pop()]:
            group = cluster_by_record[record]
            if group not in groups:
                groups.add(group)
                new_persons = {
                    person_by_record[member] for member in group if member in person_by_record
                } - persons
                persons |= new_persons
                frontier += new_persons
    return persons, groups


def _build_item(
    no: int, before: Sequence[tuple[int, list[int]]], after: Sequence[tuple[int | None, list[int]]]
) -> ProposalItem:
    """Build a separately approvable person change with its kind and fingerprint."""
    detail = {"before": before, "after": after}
    fingerprint = hashlib.sha256(orjson.dumps(detail)).hexdigest()
    kind = "merge" if len(after) == 1 else "split" if len(before) == 1 else "move"
    return ProposalItem(no=no, fingerprint=fingerprint, kind=kind, status="open", detail=detail)


def load_groups(
    unit: ReadUnit, detail: Mapping[str, Any]
) -> tuple[tuple[PersonGroup, ...], tuple[PersonGroup, ...]]:
    """Load the persons and their records before and after a proposed change."""
    sides: list[list[tuple[int | None, list[int]]]] = [detail["before"], detail["after"]]
    person_ids = {person for side in sides for person, _ in side if person is not None}
    eids = {number: person.eid for number, person in unit.persons.by_ids(person_ids).items()}
    labels = unit.records.labels({record for side in sides for _, group in side for record in group})

    def build_groups(side: Iterable[tuple[int | None, list[int]]]) -> tuple[PersonGroup, ...]:
        return tuple(
            PersonGroup(
                None if person is None else eids[person],
                tuple(labels[record_id] for record_id in group if record_id in labels),
            )
            for person, group in side
        )

    return build_groups(sides[0]), build_groups(sides[1])
