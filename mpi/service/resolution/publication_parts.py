"""Parts of a settlement that can be published apart from each other. Pure.

Records are in one part where they are in one person before, in one after, or in tasks that one question shows
together before or after.
"""

from collections.abc import Iterable, Iterator

from mpi.clustering.component import Sets
from mpi.service.resolution.settlement import ClusterAssignment, Settlement
from mpi.storage.repositories.review.tasks import Task, tasks_differ


def split_settlement(settlement: Settlement) -> Iterator[Settlement]:
    """The parts that would change anything: person, ID or task; by their first record."""
    tied = _join_dependent_records(settlement)
    parts: dict[int, _SettlementBuilder] = {}

    def of(record: int) -> _SettlementBuilder:
        return parts.setdefault(tied.find(record), _SettlementBuilder())

    for bearer in settlement.assignments:
        of(bearer.records[0]).bearers.append(bearer)
    for record in sorted(settlement.records):
        part = of(record)
        part.records.append(record)
        if record in settlement.persons_before:
            part.current[record] = settlement.persons_before[record]
    for task in settlement.tasks:
        of(task.lo).tasks.append(task)
    for task in settlement.tasks_before:
        of(task.lo).tasks_before.append(task)
    retired, emptied = set(settlement.retired), set(settlement.emptied)
    awakened = set(settlement.reactivated)
    for part in parts.values():
        if part.has_changes():
            yield part.build(retired, emptied, awakened)


def _join_dependent_records(settlement: Settlement) -> Sets:
    tied = Sets()
    held: dict[int, list[int]] = {}
    for record, person in settlement.persons_before.items():
        held.setdefault(person, []).append(record)
    asked: dict[str, list[int]] = {}
    for task in (*settlement.tasks, *settlement.tasks_before):
        asked.setdefault(task.question or task.key, []).extend(sorted(task.ends))
        asked.setdefault(task.key, []).extend(sorted(task.ends))
    groups: Iterable[Iterable[int]] = (
        *(bearer.records for bearer in settlement.assignments), *held.values(), *asked.values()
    )  # fmt: skip
    for group in groups:
        tied.join(group)
    return tied


class _SettlementBuilder:
    def __init__(self) -> None:
        self.bearers: list[ClusterAssignment] = []
        self.current: dict[int, int] = {}
        self.records: list[int] = []
        self.tasks: list[Task] = []
        self.tasks_before: list[Task] = []

    def has_changes(self) -> bool:
        """Whether publishing it would write anything."""
        after = {record: bearer.person for bearer in self.bearers for record in bearer.records}
        return (
            any(bearer.person is None for bearer in self.bearers)
            or after != self.current
            or tasks_differ(self.tasks_before, self.tasks)
        )

    def build(self, retired: set[int], emptied: set[int], awakened: set[int]) -> Settlement:
        persons = set(self.current.values())
        bearing = {bearer.person for bearer in self.bearers if bearer.person is not None}
        return Settlement(
            tuple(self.bearers),
            self.current,
            tuple(sorted(retired & persons)),
            tuple(sorted(emptied & persons)),
            tuple(sorted(awakened & bearing)),
            tuple(self.tasks),
            frozenset(self.records),
            tuple(self.tasks_before),
        )


def combine_settlements(parts: Iterable[Settlement]) -> Settlement:
    """Parts as one settlement, to be published in one transaction."""
    some = list(parts)
    current: dict[int, int] = {}
    for part in some:
        current.update(part.persons_before)
    return Settlement(
        tuple(bearer for part in some for bearer in part.assignments),
        current,
        tuple(person for part in some for person in part.retired),
        tuple(person for part in some for person in part.emptied),
        tuple(person for part in some for person in part.reactivated),
        tuple(task for part in some for task in part.tasks),
        frozenset(record for part in some for record in part.records),
        tuple(task for part in some for task in part.tasks_before),
    )
