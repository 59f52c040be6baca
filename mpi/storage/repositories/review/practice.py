"""Repository of answers to practice pairs, whose truth is known."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import PracticeAnswerRow, table_of

_answer = table_of(PracticeAnswerRow)


@dataclass(frozen=True, slots=True)
class PracticeAnswer:
    """One person's latest verdict on a practice pair, right or wrong.

    A practice pair consists of simulated records with known truth.
    """

    actor: str
    item: int
    verdict: str
    right: bool
    at: str


class PracticeAnswers:
    """Repository of stewards' answers to practice pairs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def answers_of(self, actor: str) -> list[PracticeAnswer]:
        """Return a person's answers to practice pairs, latest first."""
        rows = self._connection.execute(
            select(_answer).where(_answer.c.actor == actor).order_by(_answer.c.at.desc(), _answer.c.item)
        )
        return [PracticeAnswer(*row) for row in rows]

    def save(self, answer: PracticeAnswer) -> None:
        """Store an answer to a practice pair, replacing the person's earlier one."""
        is_same_pair = (_answer.c.actor == answer.actor) & (_answer.c.item == answer.item)
        self._connection.execute(delete(_answer).where(is_same_pair))
        self._connection.execute(
            insert(_answer).values(
                actor=answer.actor, item=answer.item, verdict=answer.verdict, right=answer.right, at=answer.at
            )
        )
