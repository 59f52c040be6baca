"""Answers kept for calls with an idempotency key."""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import KeptAnswerRow

_answer = KeptAnswerRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a call was answered.

    Args:
        digest: keyed hash of the call.
        record_ids: records that the answer shows.
        answer: the answer as JSON.
    """

    digest: str
    record_ids: tuple[int, ...]
    answer: bytes


class IdempotentAnswers:
    """What calls were answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, client: str, key: str) -> StoredAnswer | None:
        """The answer kept under a client's key."""
        row = self._connection.execute(
            select(_answer).where(_answer.c.client == client, _answer.c.key == key)
        ).first()
        if row is None:
            return None
        return StoredAnswer(row.digest, tuple(orjson.loads(row.record_ids)), row.answer.encode())

    def save(self, client: str, key: str, at: str, answer: StoredAnswer) -> None:
        """Keep an answer."""
        self._connection.execute(
            insert(_answer).values(
                client=client,
                key=key,
                digest=answer.digest,
                at=at,
                record_ids=orjson.dumps(answer.record_ids).decode(),
                answer=answer.answer.decode(),
            )
        )

    def delete_before(self, before: str) -> None:
        """Drop answers older than a moment."""
        self._connection.execute(delete(_answer).where(_answer.c.at < before))

    def delete_about_record(self, record_id: int) -> None:
        """Drop every answer that shows a record."""
        rows = self._connection.execute(select(_answer.c.client, _answer.c.key, _answer.c.record_ids))
        for row in rows.all():
            if record_id in orjson.loads(row.record_ids):
                self._connection.execute(
                    delete(_answer).where(_answer.c.client == row.client, _answer.c.key == row.key)
                )
