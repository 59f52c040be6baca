"""Split a settlement into parts that can be published independently.

Two records belong to one part where one person holds both, before or after, or where both are in tasks that
one question shows together, before or after. Pure functions.
"""

from collections.abc import Iterable, Iterator

from mpi.clustering.union_find import UnionFind
from mpi.service.resolution.settlement import ClusterAssignment, Settlement
from mpi.storage.repositories.review.tasks import Task, tasks_differ


def split_settlement(settlement: Settlement) -> Iterator[Settlement]:
    """Split a plan of person changes into independently publishable parts.

    Only parts that change a person, enterprise ID or review task are yielded, in the order of their first
    record.
    """
    dependent_sets = _join_dependent_records(settlement)
    builders: dict[int, _SettlementBuilder] = {}

    def builder_of(record: int) -> _SettlementBuilder:
        return builders.setdefault(dependent_sets.find(record), _SettlementBuilder())

    for assignment in settlement.assignments:
        builder_of(assignment.records[0]).assignments.append(assignment)
    for record in sorted(settlement.records):
        builder = builder_of(record)
        builder.records.append(record)
        if record in settlement.persons_before:
            builder.persons_before[record] = settlement.persons_before[record]
    for task in settlement.tasks:
        builder_of(task.lo).tasks.append(task)
    for task in settlement.tasks_before:
        builder_of(task.lo).tasks_before.append(task)
    retired, emptied = set(settlement.retired), set(settlement.emptied)
    reactivated = set(settlement.reactivated)
    for builder in builders.values():
        if builder.has_changes():
            yield builder.build(retired, emptied, reactivated)


def _join_dependent_records(settlement: Settlement) -> UnionFind:
    """Group records whose person changes must be published together."""
    dependent_sets = UnionFind()
    records_by_person: dict[int, list[int]] = {}
    for record, person in settlement.persons_before.items():
        records_by_person.setdefault(person, []).append(record)
    records_by_question: dict[str, list[int]] = {}
    for task in (*settlement.tasks, *settlement.tasks_before):
        records_by_question.setdefault(task.question or task.key, []).extend(sorted(task.ends))
        records_by_question.setdefault(task.key, []).extend(sorted(task.ends))
    groups: Iterable[Iterable[int]] = (
        *(assignment.records for assignment in settlement.assignments),
        *records_by_person.values(),
        *records_by_question.values(),
    )
    for group in groups:
        dependent_sets.join_all(group)
    return dependent_sets


class _SettlementBuilder:
    """Collects person assignments, records and tasks of one independent plan part."""

    def __init__(self) -> None:
        self.assignments: list[ClusterAssignment] = []
        self.persons_before: dict[int, int] = {}
        self.records: list[int] = []
        self.tasks: list[Task] = []
        self.tasks_before: list[Task] = []

    def has_changes(self) -> bool:
        """Return whether publishing this part of the plan would write anything."""
        persons_after = {
            record: assignment.person for assignment in self.assignments for record in assignment.records
        }
        return (
            any(assignment.person is None for assignment in self.assignments)
            or persons_after != self.persons_before
            or tasks_differ(self.tasks_before, self.tasks)
        )

    def build(self, retired: set[int], emptied: set[int], reactivated: set[int]) -> Settlement:
        """Build the plan part, with the person changes that concern it."""
        persons_before = set(self.persons_before.values())
        persons_after = {
            assignment.person for assignment in self.assignments if assignment.person is not None
        }
        return Settlement(
            assignments=tuple(self.assignments),
            persons_before=self.persons_before,
            retired=tuple(sorted(retired & persons_before)),
            emptied=tuple(sorted(emptied & persons_before)),
            reactivated=tuple(sorted(reactivated & persons_after)),
            tasks=tuple(self.tasks),
            records=frozenset(self.records),
            tasks_before=tuple(self.tasks_before),
        )


def combine_settlements(settlements: Iterable[Settlement]) -> Settlement:
    """Combine independent plan parts into one, for publication in one transaction."""
    parts = list(settlements)
    persons_before: dict[int, int] = {}
    for part in parts:
        persons_before.update(part.persons_before)
    return Settlement(
        assignments=tuple(assignment for part in parts for assignment in part.assignments),
        persons_before=persons_before,
        retired=tuple(person for part in parts for person in part.retired),
        emptied=tuple(person for part in parts for person in part.emptied),
        reactivated=tuple(person for part in parts for person in part.reactivated),
        tasks=tuple(task for part in parts for task in part.tasks),
        records=frozenset(record for part in parts for record in part.records),
        tasks_before=tuple(task for part in parts for task in part.tasks_before),
    )
