"""Answers kept for calls with an idempotency key."""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import KeptAnswerRow

_kept = KeptAnswerRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call was answered.

    Args:
        digest: keyed hash of the call.
        record_ids: records that the answer shows.
        answer: the answer as JSON.
    """

    digest: str
    record_ids: tuple[int, ...]
    answer: bytes


class Answers:
    """What calls were answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, client: str, key: str) -> KeptAnswer | None:
        """The answer kept under a client's key."""
        row = self._connection.execute(
            select(_kept).where(_kept.c.client == client, _kept.c.key == key)
        ).first()
        if row is None:
            return None
        return KeptAnswer(row.digest, tuple(orjson.loads(row.record_ids)), row.answer.encode())

    def keep(self, client: str, key: str, at: str, answer: KeptAnswer) -> None:
        """Keep an answer."""
        self._connection.execute(
            insert(_kept).values(
                client=client,
                key=key,
                digest=answer.digest,
                at=at,
                record_ids=orjson.dumps(answer.record_ids).decode(),
                answer=answer.answer.decode(),
            )
        )

    def forget(self, before: str) -> None:
        """Drop answers older than a moment."""
        self._connection.execute(delete(_kept).where(_kept.c.at < before))

    def erase(self, record_id: int) -> None:
        """Drop every answer that shows a record."""
        rows = self._connection.execute(select(_kept.c.client, _kept.c.key, _kept.c.record_ids))
        for row in rows.all():
            if record_id in orjson.loads(row.record_ids):
                self._connection.execute(
                    delete(_kept).where(_kept.c.client == row.client, _kept.c.key == row.key)
                )
