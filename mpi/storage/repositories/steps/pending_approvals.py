"""Awaited: decisions that a step makes or takes back once others have said so too."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AwaitedRow

_awaited = AwaitedRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class StoredAwaited:
    """A decision that a step waits to make, or to take back.

    Args:
        decision_id: the decision.
        step_id: the step that waits.
        second: whether a second approver is among those that it waits for.
    """

    decision_id: int
    step_id: int
    second: bool


class Awaited:
    """What waits for others than its maker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, step_id: int, decision_ids: Collection[int], *, second: bool) -> None:
        """Let decisions wait with a step."""
        rows = [{"decision_id": n, "step_id": step_id, "second": second} for n in sorted(decision_ids)]
        if rows:
            self._connection.execute(insert(_awaited), rows)

    def all(self) -> list[StoredAwaited]:
        """Everything that waits, by step."""
        rows = self._connection.execute(select(_awaited).order_by(_awaited.c.step_id, _awaited.c.decision_id))
        return [StoredAwaited(row.decision_id, row.step_id, row.second) for row in rows]

    def of(self, decision_ids: Collection[int]) -> list[StoredAwaited]:
        """What waits of some decisions."""
        found: list[StoredAwaited] = []
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_awaited).where(is_in(_awaited.c.decision_id, chunk)).order_by(_awaited.c.decision_id)
            )
            found += [StoredAwaited(row.decision_id, row.step_id, row.second) for row in rows]
        return found

    def of_step(self, step_id: int) -> list[StoredAwaited]:
        """What waits with a step; nothing where it does not wait."""
        rows = self._connection.execute(
            select(_awaited).where(_awaited.c.step_id == step_id).order_by(_awaited.c.decision_id)
        )
        return [StoredAwaited(row.decision_id, row.step_id, row.second) for row in rows]

    def approved(self, step_id: int) -> None:
        """No second approver is awaited any more."""
        self._connection.execute(update(_awaited).where(_awaited.c.step_id == step_id).values(second=False))

    def end_step(self, step_id: int) -> None:
        """The step waits for nobody any more."""
        self._connection.execute(delete(_awaited).where(_awaited.c.step_id == step_id))

    def end(self, decision_ids: Collection[int]) -> None:
        """Decisions are waited with no more, whatever step did."""
        for chunk in iter_chunks(decision_ids):
            self._connection.execute(delete(_awaited).where(is_in(_awaited.c.decision_id, chunk)))
