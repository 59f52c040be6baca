"""Review tasks: derived, replaced whenever their component is settled anew."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select

from mpi.storage.repositories.chunks import chunked
from mpi.storage.repositories.derived import MICROBITS
from mpi.storage.tables import TaskRow

_task = TaskRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Task:
    """One doubtful pair of records, ``lo < hi`` by number; weight in bits."""

    key: str
    kind: str
    lo: int
    hi: int
    bits: float
    reason: str


def _task_of(row: Row[*tuple[Any, ...]]) -> Task:
    return Task(row.key, row.kind, row.lo, row.hi, row.weight / MICROBITS, row.reason)


class Tasks:
    """What waits for a steward."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, record_ids: Collection[int], tasks: Collection[Task], commit_no: int) -> None:
        """Set the tasks that touch the records; one that was open keeps the commit it was opened in."""
        opened: dict[str, int] = {}
        for chunk in chunked(record_ids):
            touching = or_(_task.c.lo.in_(chunk), _task.c.hi.in_(chunk))
            known = self._connection.execute(select(_task.c.key, _task.c.opened_commit).where(touching))
            opened.update({row.key: row.opened_commit for row in known})
            self._connection.execute(delete(_task).where(touching))
        rows = [
            {
                "key": task.key,
                "kind": task.kind,
                "lo": task.lo,
                "hi": task.hi,
                "weight": round(task.bits * MICROBITS),
                "reason": task.reason,
                "opened_commit": opened.get(task.key, commit_no),
            }
            for task in tasks
        ]
        if rows:
            self._connection.execute(insert(_task), rows)

    def of(self, record_ids: Collection[int]) -> list[Task]:
        """Tasks that touch any of the records, heaviest first."""
        found: dict[str, Task] = {}
        for chunk in chunked(record_ids):
            rows = self._connection.execute(
                select(_task).where(or_(_task.c.lo.in_(chunk), _task.c.hi.in_(chunk)))
            )
            found.update({row.key: _task_of(row) for row in rows})
        return sorted(found.values(), key=lambda task: (-task.bits, task.key))

    def all(self) -> list[Task]:
        """Every open task, heaviest first."""
        rows = self._connection.execute(select(_task).order_by(_task.c.weight.desc(), _task.c.key))
        return [_task_of(row) for row in rows]

    def count(self) -> int:
        """How many tasks are open."""
        return int(self._connection.execute(select(func.count()).select_from(_task)).scalar_one())
