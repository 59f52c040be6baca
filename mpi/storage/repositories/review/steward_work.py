"""Repository of what each steward did on each day."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from mpi.domain.decision import Authority
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.tables import CommitRow, DecisionRow, TaskActionRow, table_of

_action = table_of(TaskActionRow)
_decision = table_of(DecisionRow)
_commit = table_of(CommitRow)
_DAY = len("2026-01-01")


@dataclass(frozen=True, slots=True)
class DecidedDay:
    """Decisions that one person made on one day.

    Args:
        actor: name of the person.
        day: the day, ``YYYY-MM-DD``.
        decisions: decisions made.
        undone: of these, decisions that were undone since.
        replaced: of these, decisions that another one replaced since.
    """

    actor: str
    day: str
    decisions: int
    undone: int
    replaced: int


class StewardWork:
    """Repository of counts of stewards' answers and decisions by day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_answers(self, since: str, action: str) -> dict[tuple[str, str], int]:
        """Count answers to review questions since a moment, by person and day.

        Args:
            since: moment (ISO, UTC).
            action: name of the action that is an answer.
        """
        day = func.substr(_action.c.at, 1, _DAY).label("day")
        rows = self._connection.execute(
            select(_action.c.actor, day, func.count())
            .where(_action.c.at >= since, _action.c.action == action)
            .group_by(_action.c.actor, "day")
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def count_decisions(self, since: str) -> list[DecidedDay]:
        """Count stewards' decisions since a moment (ISO, UTC), by person and day."""
        day = func.substr(_commit.c.at, 1, _DAY).label("day")
        ends = [
            func.sum(case((_decision.c.status == status.value, 1), else_=0))
            for status in (DecisionStatus.REVOKED, DecisionStatus.SUPERSEDED)
        ]
        rows = self._connection.execute(
            select(_commit.c.actor, day, func.count(), *ends)
            .select_from(_decision)
            .join(_commit, _commit.c.no == _decision.c.commit_no)
            .where(_decision.c.authority == Authority.STEWARD.value, _commit.c.at >= since)
            .group_by(_commit.c.actor, "day")
            .order_by(_commit.c.actor, "day")
        )
        return [DecidedDay(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in rows]
