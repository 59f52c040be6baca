"""Practice answers: what people said of pairs whose truth is known."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import PracticeAnswerRow

_answer = PracticeAnswerRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class PracticeAnswer:
    """What one person said last of one practice pair, and whether it was right."""

    actor: str
    item: int
    verdict: str
    right: bool
    at: str


class PracticeAnswers:
    """Practice answers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def answers_of(self, actor: str) -> list[PracticeAnswer]:
        """A person's answers, the latest first."""
        rows = self._connection.execute(
            select(_answer).where(_answer.c.actor == actor).order_by(_answer.c.at.desc(), _answer.c.item)
        )
        return [PracticeAnswer(*row) for row in rows]

    def save(self, answer: PracticeAnswer) -> None:
        """Keep an answer in the place of an earlier one to the same pair."""
        mine = (_answer.c.actor == answer.actor) & (_answer.c.item == answer.item)
        self._connection.execute(delete(_answer).where(mine))
        self._connection.execute(
            insert(_answer).values(
                actor=answer.actor, item=answer.item, verdict=answer.verdict, right=answer.right, at=answer.at
            )
        )
