"""Publication of a settlement: its persons, events and review tasks."""

from collections.abc import Mapping

from mpi.domain import eid
from mpi.service.resolution.settlement import Settlement
from mpi.service.resolution.task_replacement import replace_tasks
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.unit_of_work.units import WriteUnit

MembershipChange = tuple[int, int | None, int | None]
"""Record number, the person it leaves, and the person it joins."""


def publish(unit: WriteUnit, settlement: Settlement, cause: str, *, test: bool, is_run: bool = False) -> int:
    """Write a plan of persons; return how many records changed person.

    A plan that changes nothing writes no membership, person or event.

    Args:
        unit: the transaction.
        settlement: the plan to write.
        cause: stored with memberships and events.
        test: whether minted enterprise IDs are test IDs.
        is_run: whether a re-cluster run publishes. An active run is notified of other writers' changes.
    """
    configuration = unit.configs.active_config()
    if not is_run and configuration is not None and configuration.releasing is not None:
        unit.runs.add_changed_records(configuration.releasing, settlement.affected_records)
    to_mint = [assignment for assignment in settlement.assignments if assignment.person is None]
    minted_persons: dict[tuple[int, ...], int] = {}
    if to_mint:
        first_number = unit.counters.take("person", len(to_mint))
        minted_persons = {
            assignment.records: first_number + offset for offset, assignment in enumerate(to_mint)
        }
        unit.persons.mint(
            [
                {"id": number, "eid": eid.mint_eid(test=test), "minted_commit": unit.commit_no}
                for number in minted_persons.values()
            ]
        )
    changes = _list_membership_changes(settlement, minted_persons)
    if changes:
        unit.persons.move_records(unit.commit_no, changes, cause)
    for person_ids, status, is_end in (
        (settlement.reactivated, PersonStatus.ACTIVE, False),
        (settlement.retired, PersonStatus.RETIRED, True),
        (settlement.emptied, PersonStatus.EMPTY, True),
    ):
        if person_ids:
            unit.persons.set_status(person_ids, status, unit.commit_no if is_end else None)
    replace_tasks(unit, settlement.tasks_before, settlement.tasks)
    return len(changes)


def _list_membership_changes(
    settlement: Settlement, minted_persons: Mapping[tuple[int, ...], int]
) -> list[MembershipChange]:
    """List the records that change person, and the records that leave one."""
    persons_after = {
        record: minted_persons[assignment.records] if assignment.person is None else assignment.person
        for assignment in settlement.assignments
        for record in assignment.records
    }
    moves: list[MembershipChange] = [
        (record, settlement.persons_before.get(record), person)
        for record, person in persons_after.items()
        if settlement.persons_before.get(record) != person
    ]
    departures: list[MembershipChange] = [
        (record, person, None)
        for record, person in sorted(settlement.persons_before.items())
        if record not in persons_after and record in settlement.records
    ]
    return moves + departures
