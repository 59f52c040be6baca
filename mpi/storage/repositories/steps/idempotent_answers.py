"""Repository of answers stored for idempotency keys."""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import KeptAnswerRow, table_of

BATCH_PREFIX = "identity-batch|"
"""Beginning of the keys under which unfinished lists of searches are stored."""

_answer = table_of(KeptAnswerRow)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The stored answer to an API call that named an idempotency key.

    Args:
        digest: keyed hash of the call, by which another call under the same key is noticed.
        record_ids: records that the answer shows.
        answer: the answer, as JSON.
    """

    digest: str
    record_ids: tuple[int, ...]
    answer: bytes


def answer_place(client: str, key: str) -> str:
    """Return the place of a stored answer, which binds its encryption."""
    return f"kept_answer.answer|{len(client)}|{client}|{key}"


class IdempotentAnswers:
    """Repository of API answers, by client and idempotency key."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def get(self, client: str, key: str) -> StoredAnswer | None:
        """Return the stored answer for a client's idempotency key, or None."""
        row = self._connection.execute(
            select(_answer).where(_answer.c.client == client, _answer.c.key == key)
        ).first()
        if row is None:
            return None
        answer = self._keys.decrypt_text(answer_place(client, key), row.answer)
        return StoredAnswer(row.digest, tuple(orjson.loads(row.record_ids)), answer.encode())

    def save(self, client: str, key: str, moment: str, answer: StoredAnswer) -> None:
        """Store the answer to an API call under its idempotency key."""
        self._connection.execute(
            insert(_answer).values(
                client=client,
                key=key,
                digest=answer.digest,
                at=moment,
                record_ids=orjson.dumps(answer.record_ids).decode(),
                answer=self._keys.encrypt_text(answer_place(client, key), answer.answer.decode()),
            )
        )

    def delete(self, client: str, key: str) -> None:
        """Delete the stored answer of a client's idempotency key, if any."""
        self._connection.execute(delete(_answer).where(_answer.c.client == client, _answer.c.key == key))

    def count_prefixed(self, client: str, prefix: str) -> int:
        """Count a client's stored answers whose keys have a prefix."""
        keys = select(_answer.c.key).where(
            _answer.c.client == client, _answer.c.key.startswith(prefix, autoescape=True)
        )
        return len(self._connection.execute(keys).all())

    def delete_prefixed(self, prefix: str, before: str | None = None) -> None:
        """Delete the answers whose keys begin with a prefix.

        Args:
            prefix: beginning of the keys, of any client.
            before: moment (ISO, UTC) before which they were stored; None for all.
        """
        is_old = [] if before is None else [_answer.c.at < before]
        self._connection.execute(
            delete(_answer).where(_answer.c.key.startswith(prefix, autoescape=True), *is_old)
        )

    def delete_before(self, moment: str) -> None:
        """Delete answers stored for idempotent calls before a moment (ISO, UTC)."""
        self._connection.execute(delete(_answer).where(_answer.c.at < moment))

    def delete_about_record(self, record_id: int) -> None:
        """Delete every answer, stored for an idempotent call, that shows a record."""
        rows = self._connection.execute(select(_answer.c.client, _answer.c.key, _answer.c.record_ids))
        for row in rows.all():
            if record_id in orjson.loads(row.record_ids):
                self._connection.execute(
                    delete(_answer).where(_answer.c.client == row.client, _answer.c.key == row.key)
                )
