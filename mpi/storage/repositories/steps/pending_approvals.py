"""Repository of decisions whose step awaits consents or a second approver."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AwaitedRow, table_of

_pending_approval = table_of(AwaitedRow)


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A decision whose making or revocation awaits approval or consent.

    Args:
        decision_id: number of the decision.
        step_id: steward's step that waits.
        second: whether a second approver is awaited.
    """

    decision_id: int
    step_id: int
    second: bool


class PendingApprovals:
    """Repository of decisions that await approval or an owner's consent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, step_id: int, decision_ids: Collection[int], *, second: bool) -> None:
        """Record that decisions await approval, together with their step."""
        rows = [
            {"decision_id": decision_id, "step_id": step_id, "second": second}
            for decision_id in sorted(decision_ids)
        ]
        if rows:
            self._connection.execute(insert(_pending_approval), rows)

    def all(self) -> list[PendingApproval]:
        """Return all decisions that await approval, by step."""
        rows = self._connection.execute(
            select(_pending_approval).order_by(_pending_approval.c.step_id, _pending_approval.c.decision_id)
        )
        return [PendingApproval(row.decision_id, row.step_id, row.second) for row in rows]

    def all_of_decisions(self, decision_ids: Collection[int]) -> list[PendingApproval]:
        """Return those of the decisions that await approval."""
        approvals: list[PendingApproval] = []
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_pending_approval)
                .where(is_in(_pending_approval.c.decision_id, chunk))
                .order_by(_pending_approval.c.decision_id)
            )
            approvals += [PendingApproval(row.decision_id, row.step_id, row.second) for row in rows]
        return approvals

    def all_of_step(self, step_id: int) -> list[PendingApproval]:
        """Return the decisions of a steward's step that await approval."""
        rows = self._connection.execute(
            select(_pending_approval)
            .where(_pending_approval.c.step_id == step_id)
            .order_by(_pending_approval.c.decision_id)
        )
        return [PendingApproval(row.decision_id, row.step_id, row.second) for row in rows]

    def mark_approved(self, step_id: int) -> None:
        """Record that a steward's step no longer awaits a second approver."""
        self._connection.execute(
            update(_pending_approval).where(_pending_approval.c.step_id == step_id).values(second=False)
        )

    def delete_step(self, step_id: int) -> None:
        """Record that a steward's step awaits no approval any more."""
        self._connection.execute(delete(_pending_approval).where(_pending_approval.c.step_id == step_id))

    def delete_decisions(self, decision_ids: Collection[int]) -> None:
        """Record that decisions await no approval any more."""
        for chunk in iter_chunks(decision_ids):
            self._connection.execute(
                delete(_pending_approval).where(is_in(_pending_approval.c.decision_id, chunk))
            )
