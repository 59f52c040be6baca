"""Review tasks: derived, replaced whenever their component is settled anew."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.repositories.derived.derived import MICROBITS
from mpi.storage.tables import RecordRow, TaskRow

_task = TaskRow.__table__  # type: ignore[attr-defined]
_record = RecordRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Task:
    """One question about two records, ``lo < hi`` by number; weight in bits.

    Args:
        key: names it.
        kind: ``pair``, ``multiple``, ``overlay``, ``conflict``, ``recheck``, ``claim`` or ``approval``.
        lo: the one record.
        hi: the other; the same where it is about one alone.
        bits: of the pair.
        reason: why it is asked.
        quiet_until: day from which it is asked; None for at once.
        decision_id: the decision that it is about.
        question: names what it is shown with; empty for itself alone.
        subject: the record that the question is about; 0 where it is about several alike.
        harm: expected harm of leaving it undecided, by which the queue is ordered; in millionths.
        harm_unflagged: the same as far as no flag tells.
        pattern: how the two records differ, where a burst of such pairs would be one question.
        batch_id: the load that brought it about.
        opened_commit: when it was first asked; 0 of one that is not stored.
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
        """The records that it is about."""
        return frozenset((self.lo, self.hi))


NEVER = "9999-12-31"
"""``quiet_until`` of a question that only other evidence can bring up again."""

# Composed once: composing a statement costs more than SQLite takes to run it.
_IS_ABOUT_RECORDS = or_(is_in(_task.c.lo, "ids"), is_in(_task.c.hi, "ids"))
_DELETE_TASKS = delete(_task).where(is_in(_task.c.key, "keys"))
_TASKS_ABOUT_RECORDS = select(_task).where(_IS_ABOUT_RECORDS)
_IS_ASKED = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= bindparam("today"))
_SOURCE_IDS = select(_record.c.id, _record.c.source_id).where(is_in(_record.c.id, "ids"))
_ENDS_ABOUT_RECORDS = select(_task.c.kind, _task.c.lo, _task.c.hi, _task.c.key).where(_IS_ABOUT_RECORDS)
"""The kind is told and not asked for: SQLite would go through all tasks of it."""
_TASKS_BY_KEY = select(_task).where(is_in(_task.c.key, "keys"))
_ASKED_TASKS_ABOUT_RECORDS = select(_task).where(_IS_ABOUT_RECORDS, _IS_ASKED)


def task_from_row(row: Row[*tuple[Any, ...]]) -> Task:
    """A task from a row of its table."""
    return Task(
        row.key,
        row.kind,
        row.lo,
        row.hi,
        row.weight / MICROBITS,
        row.reason,
        row.quiet_until,
        row.decision_id,
        row.question,
        row.subject,
        row.harm,
        row.harm_unflagged,
        row.pattern,
        row.batch_id,
        row.opened_commit,
    )


_UNCONVERTED_FIELDS = tuple(field.name for field in fields(Task) if field.name != "bits")


def _row_values(task: Task, sources: Mapping[int, int]) -> dict[str, Any]:
    row = {name: getattr(task, name) for name in _UNCONVERTED_FIELDS}
    row["weight"] = round(task.bits * MICROBITS)
    return row | {"lo_source": sources[task.lo], "hi_source": sources[task.hi]}


def _tasks_as_stored(known: Mapping[str, Task], after: Iterable[Task], commit_no: int) -> dict[str, Task]:
    return {
        task.key: replace(
            task,
            bits=round(task.bits * MICROBITS) / MICROBITS,
            question=task.question or task.key,
            opened_commit=known[task.key].opened_commit if task.key in known else commit_no,
        )
        for task in after
    }


def tasks_differ(before: Collection[Task], after: Collection[Task]) -> bool:
    """Whether any task would go, come or change if some took the place of others."""
    known = {task.key: task for task in before}
    return _tasks_as_stored(known, after, 0) != known


class Tasks:
    """What waits for a steward."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def about_records(self, record_ids: Collection[int]) -> list[Task]:
        """Every task about any of the records, also one that is not asked yet."""
        found: dict[str, Task] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_TASKS_ABOUT_RECORDS, {"ids": chunk})
            found.update({row.key: task_from_row(row) for row in rows})
        return list(found.values())

    def ends_about_records(self, record_ids: Collection[int], kind: str) -> Iterator[tuple[int, int, str]]:
        """The two records and the key of every task of a kind about any of the records."""
        for chunk in iter_chunks(record_ids):
            for of_kind, lo, hi, key in self._connection.execute(_ENDS_ABOUT_RECORDS, {"ids": chunk}):
                if of_kind == kind:
                    yield lo, hi, key

    def by_keys(self, keys: Collection[str]) -> list[Task]:
        """Those of the tasks that there are."""
        return [
            task_from_row(row)
            for chunk in iter_chunks(keys)
            for row in self._connection.execute(_TASKS_BY_KEY, {"keys": chunk})
        ]

    def prefetch_about_records(self, record_ids: Collection[int]) -> None:
        """Send ahead what ``touching`` will ask."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _TASKS_ABOUT_RECORDS, {"ids": chunk})

    def replace(
        self, before: Collection[Task], after: Collection[Task], commit_no: int
    ) -> tuple[set[str], set[str]]:
        """Put tasks in the place of others; one that stays keeps the commit it was opened in.

        Args:
            before: tasks as they are stored.
            after: as they are to be.
            commit_no: when those that are new are opened.

        Returns:
            The questions that they were shown in before, and are shown in now.
        """
        known = {task.key: task for task in before}
        wanted = _tasks_as_stored(known, after, commit_no)
        for chunk in iter_chunks([key for key, task in known.items() if wanted.get(key) != task]):
            self._connection.execute(_DELETE_TASKS, {"keys": chunk})
        added = [task for key, task in wanted.items() if known.get(key) != task]
        sources = self._sources({end for task in added for end in task.ends})
        insert_rows(self._connection, _task, [_row_values(task, sources) for task in added])
        return {task.question for task in known.values()}, {task.question for task in wanted.values()}

    def _sources(self, record_ids: Collection[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_SOURCE_IDS, {"ids": chunk})
            found.update({row.id: row.source_id for row in rows})
        return found

    def request_about_record(self, record_id: int, today: str) -> Callable[[], list[Task]]:
        """Ask for the tasks that touch a record and are asked on a day; what is returned reads them, once.

        They come heaviest first.
        """
        asked = self._connection.execute(_ASKED_TASKS_ABOUT_RECORDS, {"ids": [record_id], "today": today})
        return lambda: sorted(map(task_from_row, asked), key=lambda task: (-task.bits, task.key))

    def all(self, today: str | None = None) -> list[Task]:
        """Every task, heaviest first; with a day, those that are asked on it."""
        statement = select(_task).order_by(_task.c.weight.desc(), _task.c.key)
        if today is None:
            return [task_from_row(row) for row in self._connection.execute(statement)]
        rows = self._connection.execute(statement.where(_IS_ASKED), {"today": today})
        return [task_from_row(row) for row in rows]

    def count(self, today: str | None = None) -> int:
        """How many tasks there are; with a day, how many are asked on it."""
        counted = select(func.count()).select_from(_task)
        if today is None:
            return int(self._connection.execute(counted).scalar_one())
        return int(self._connection.execute(counted.where(_IS_ASKED), {"today": today}).scalar_one())

    def decisions_with_task(self, decision_ids: Collection[int], kind: str) -> set[int]:
        """Those of the decisions that a task of a kind is about."""
        found: set[int] = set()
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_task.c.decision_id).where(_task.c.kind == kind, is_in(_task.c.decision_id, chunk))
            )
            found.update(row[0] for row in rows)
        return found
