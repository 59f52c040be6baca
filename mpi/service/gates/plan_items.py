"""Items of a plan: its changes, each of which can be approved by itself."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.record_ref import RecordRef
from mpi.service.resolution.settlement import Settlement
from mpi.storage.repositories.derived.proposals import ProposalItem
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class PersonGroup:
    """Records of one person; ``enterprise_id`` is None for one that is to be minted."""

    enterprise_id: str | None
    records: tuple[RecordRef, ...]


def list_items(settlement: Settlement) -> list[ProposalItem]:
    """The changes of a settlement, each of people that no other item is about, in a fixed order."""
    bearers = {frozenset(bearer.records): bearer for bearer in settlement.assignments}
    after_of = {record: group for group in bearers for record in group}
    before_of: dict[int, set[int]] = {}
    for record, person in settlement.persons_before.items():
        if record in after_of:
            before_of.setdefault(person, set()).add(record)
    waiting = dict(sorted(before_of.items()))
    found: list[ProposalItem] = []
    while waiting:
        persons, groups = _collect_connected(next(iter(waiting)), before_of, after_of, settlement.persons_before)
        for person in persons:
            del waiting[person]
        before = sorted((person, sorted(before_of[person])) for person in persons)
        after = sorted(((bearers[group].person, sorted(group)) for group in groups), key=lambda each: each[1])
        if [list(each) for each in before] != [list(each) for each in after]:
            found.append(_build_item(len(found) + 1, before, after))
    return found


def _collect_connected(
    person: int,
    before_of: Mapping[int, set[int]],
    after_of: Mapping[int, frozenset[int]],
    current: Mapping[int, int],
) -> tuple[set[int], set[frozenset[int]]]:
    persons, groups, frontier = {person}, set[frozenset[int]](), [person]
    while frontier:
        for record in before_of[frontier.pop()]:
            group = after_of[record]
            if group not in groups:
                groups.add(group)
                met = {current[other] for other in group if other in current} - persons
                persons |= met
                frontier += met
    return persons, groups


def _build_item(
    no: int, before: Sequence[tuple[int, list[int]]], after: Sequence[tuple[int | None, list[int]]]
) -> ProposalItem:
    detail = {"before": before, "after": after}
    fingerprint = hashlib.sha256(orjson.dumps(detail)).hexdigest()
    kind = "merge" if len(after) == 1 else "split" if len(before) == 1 else "move"
    return ProposalItem(no, fingerprint, kind, "open", detail)


def load_groups(unit: ReadUnit, detail: Mapping[str, Any]) -> tuple[tuple[PersonGroup, ...], tuple[PersonGroup, ...]]:
    """The people before and after an item, by enterprise ID and record."""
    sides: list[list[tuple[int | None, list[int]]]] = [detail["before"], detail["after"]]
    everybody = {person for side in sides for person, _ in side if person is not None}
    eids = {number: person.eid for number, person in unit.persons.by_ids(everybody).items()}
    labels = unit.records.labels({record for side in sides for _, group in side for record in group})

    def shown(side: Iterable[tuple[int | None, list[int]]]) -> tuple[PersonGroup, ...]:
        return tuple(
            PersonGroup(None if person is None else eids[person], tuple(labels[r] for r in group if r in labels))
            for person, group in side
        )

    return shown(sides[0]), shown(sides[1])
