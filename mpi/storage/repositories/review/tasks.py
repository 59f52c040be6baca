"""Repository of review tasks; clustering a component of records recomputes its tasks.

A component is a set of records connected by decisions, or by pairs at or above the influence floor.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.repositories.derived.features_and_edges import MICROBITS
from mpi.storage.tables import AnyRow, RecordRow, TaskRow, table_of

_task = table_of(TaskRow)
_record = table_of(RecordRow)


@dataclass(frozen=True, slots=True)
class Task:
    """A task for clerical review, about two records or about one.

    Args:
        key: key of the task.
        kind: ``pair``, ``multiple``, ``overlay``, ``conflict``, ``recheck``, ``claim`` or ``approval``.
        lo: lower of the two record numbers.
        hi: higher record number; equal to ``lo`` for a task about one record.
        bits: match weight of the pair, in bits.
        reason: why it is asked.
        quiet_until: day from which it is asked; None for at once.
        decision_id: decision that the task is about.
        question: key of the question that shows the task; empty for the task alone.
        subject: record that the question is about; 0 for several alike.
        harm: expected harm of leaving it undecided, in millionths; the queue's order.
        harm_unflagged: expected harm computed without flags, in millionths.
        pattern: how the records differ, by which bursts are recognized.
        batch_id: load that brought it about.
        opened_commit: commit number of its opening; 0 if not stored.
    """

    key: str
    kind: str
    lo: int
    hi: int
    bits: float
    reason: str
    quiet_until: str | None = None
    decision_id: int | None = None
    question: str = ""
    subject: int = 0
    harm: int = 0
    harm_unflagged: int = 0
    pattern: str | None = None
    batch_id: int | None = None
    opened_commit: int = 0

    @property
    def ends(self) -> frozenset[int]:
        """The one or two record numbers that the review task is about."""
        return frozenset((self.lo, self.hi))


NEVER = "9999-12-31"
"""``quiet_until`` of a task that only new evidence can raise again."""

# Module constants: composing a statement costs more than SQLite takes to run it.
_IS_ABOUT_RECORDS = or_(is_in(_task.c.lo, "ids"), is_in(_task.c.hi, "ids"))
_DELETE_TASKS = delete(_task).where(is_in(_task.c.key, "keys"))
_TASKS_ABOUT_RECORDS = select(_task).where(_IS_ABOUT_RECORDS)
_IS_ASKED = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= bindparam("today"))
_SOURCE_IDS = select(_record.c.id, _record.c.source_id).where(is_in(_record.c.id, "ids"))
_ENDS_ABOUT_RECORDS = select(_task.c.kind, _task.c.lo, _task.c.hi, _task.c.key).where(_IS_ABOUT_RECORDS)
"""The query returns the kind instead of filtering by it.

With a filter SQLite would read all tasks of that kind.
"""
_TASKS_BY_KEY = select(_task).where(is_in(_task.c.key, "keys"))
_ASKED_TASKS_ABOUT_RECORDS = select(_task).where(_IS_ABOUT_RECORDS, _IS_ASKED)


def task_from_row(row: AnyRow) -> Task:
    """Build a review task from its table row."""
    return Task(
        key=row.key,
        kind=row.kind,
        lo=row.lo,
        hi=row.hi,
        bits=row.weight / MICROBITS,
        reason=row.reason,
        quiet_until=row.quiet_until,
        decision_id=row.decision_id,
        question=row.question,
        subject=row.subject,
        harm=row.harm,
        harm_unflagged=row.harm_unflagged,
        pattern=row.pattern,
        batch_id=row.batch_id,
        opened_commit=row.opened_commit,
    )


_UNCONVERTED_FIELDS = tuple(field.name for field in fields(Task) if field.name != "bits")


def _row_values(task: Task, sources: Mapping[int, int]) -> dict[str, Any]:
    row = {name: getattr(task, name) for name in _UNCONVERTED_FIELDS}
    row["weight"] = round(task.bits * MICROBITS)
    return row | {"lo_source": sources[task.lo], "hi_source": sources[task.hi]}


def _tasks_as_stored(
    tasks_by_key: Mapping[str, Task], tasks: Iterable[Task], commit_no: int
) -> dict[str, Task]:
    return {
        task.key: replace(
            task,
            bits=round(task.bits * MICROBITS) / MICROBITS,
            question=task.question or task.key,
            opened_commit=tasks_by_key[task.key].opened_commit if task.key in tasks_by_key else commit_no,
        )
        for task in tasks
    }


def tasks_differ(old_tasks: Collection[Task], new_tasks: Collection[Task]) -> bool:
    """Return whether replacing review tasks by others would change anything."""
    tasks_by_key = {task.key: task for task in old_tasks}
    return _tasks_as_stored(tasks_by_key, new_tasks, 0) != tasks_by_key


class Tasks:
    """Repository of review tasks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def about_records(self, record_ids: Collection[int]) -> list[Task]:
        """Return every review task about any of the records, even silenced ones."""
        tasks_by_key: dict[str, Task] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_TASKS_ABOUT_RECORDS, {"ids": chunk})
            tasks_by_key.update({row.key: task_from_row(row) for row in rows})
        return list(tasks_by_key.values())

    def ends_about_records(self, record_ids: Collection[int], kind: str) -> Iterator[tuple[int, int, str]]:
        """Yield record pair and key of one kind's review tasks about records.

        The pair is (lower, higher) record number.
        """
        for chunk in iter_chunks(record_ids):
            for of_kind, lo, hi, key in self._connection.execute(_ENDS_ABOUT_RECORDS, {"ids": chunk}):
                if of_kind == kind:
                    yield lo, hi, key

    def by_keys(self, keys: Collection[str]) -> list[Task]:
        """Return the review tasks that exist among given task keys."""
        return [
            task_from_row(row)
            for chunk in iter_chunks(keys)
            for row in self._connection.execute(_TASKS_BY_KEY, {"keys": chunk})
        ]

    def prefetch_about_records(self, record_ids: Collection[int]) -> None:
        """Send the query of ``about_records`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _TASKS_ABOUT_RECORDS, {"ids": chunk})

    def replace(
        self, old_tasks: Collection[Task], new_tasks: Collection[Task], commit_no: int
    ) -> tuple[set[str], set[str]]:
        """Replace review tasks; unchanged ones keep their commit of opening.

        Args:
            old_tasks: tasks as stored.
            new_tasks: tasks to be stored.
            commit_no: commit of opening for new tasks.

        Returns:
            Keys of the questions that showed the tasks before, and of those that show them now.
        """
        old_by_key = {task.key: task for task in old_tasks}
        new_by_key = _tasks_as_stored(old_by_key, new_tasks, commit_no)
        for chunk in iter_chunks([key for key, task in old_by_key.items() if new_by_key.get(key) != task]):
            self._connection.execute(_DELETE_TASKS, {"keys": chunk})
        added = [task for key, task in new_by_key.items() if old_by_key.get(key) != task]
        sources = self._sources({end for task in added for end in task.ends})
        insert_rows(self._connection, _task, [_row_values(task, sources) for task in added])
        return {task.question for task in old_by_key.values()}, {
            task.question for task in new_by_key.values()
        }

    def _sources(self, record_ids: Collection[int]) -> dict[int, int]:
        source_ids: dict[int, int] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_SOURCE_IDS, {"ids": chunk})
            source_ids.update({row.id: row.source_id for row in rows})
        return source_ids

    def request_about_record(self, record_id: int, today: str) -> Callable[[], list[Task]]:
        """Request a record's open review tasks; return a function to read them.

        The function reads the result once and returns the tasks, highest match weight first.
        """
        result = self._connection.execute(_ASKED_TASKS_ABOUT_RECORDS, {"ids": [record_id], "today": today})
        return lambda: sorted(map(task_from_row, result), key=lambda task: (-task.bits, task.key))

    def all(self, today: str | None = None) -> list[Task]:
        """Return review tasks, highest match weight first.

        With a day, only those open then are returned, otherwise all.
        """
        statement = select(_task).order_by(_task.c.weight.desc(), _task.c.key)
        if today is None:
            return [task_from_row(row) for row in self._connection.execute(statement)]
        rows = self._connection.execute(statement.where(_IS_ASKED), {"today": today})
        return [task_from_row(row) for row in rows]

    def count(self, today: str | None = None) -> int:
        """Count all review tasks; with a day, only those open then."""
        counted = select(func.count()).select_from(_task)
        if today is None:
            return int(self._connection.execute(counted).scalar_one())
        return int(self._connection.execute(counted.where(_IS_ASKED), {"today": today}).scalar_one())

    def decisions_with_task(self, decision_ids: Collection[int], kind: str) -> set[int]:
        """Return those of the decisions that review tasks of a kind concern."""
        with_task: set[int] = set()
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_task.c.decision_id).where(_task.c.kind == kind, is_in(_task.c.decision_id, chunk))
            )
            with_task.update(row[0] for row in rows)
        return with_task
