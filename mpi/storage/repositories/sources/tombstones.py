"""Repository of tombstones: keyed hashes of local IDs that are refused."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.tables import RecordRow, TombstoneRow, table_of

_tombstone = table_of(TombstoneRow)
_record = table_of(RecordRow)
_BY_TOKEN = select(_tombstone.c.token, _tombstone.c.record_id).where(
    _tombstone.c.source_id == bindparam("source"), is_in(_tombstone.c.token, "tokens")
)
_ANY = select(_tombstone.c.record_id).where(_tombstone.c.source_id == bindparam("source")).limit(1)
_TOKENS = select(_tombstone.c.record_id, _tombstone.c.token).where(is_in(_tombstone.c.record_id, "ids"))


class Tombstones:
    """Repository of the local IDs under which a source may send nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._record_by_token: dict[tuple[int, str], int | None] = {}

    def add(self, source_id: int, record_by_token: Iterable[tuple[str, int]]) -> None:
        """Add tombstones of a source: token of a local ID, and record."""
        rows = [
            {"source_id": source_id, "token": token, "record_id": record} for token, record in record_by_token
        ]
        self._record_by_token.clear()
        if rows:
            self._connection.execute(insert(_tombstone), rows)

    def find(self, source_id: int, tokens: Collection[str]) -> dict[str, int]:
        """Return the record of each tombstone, by token of the local ID.

        Tokens without a tombstone are left out. What was read once is not read again in this transaction.
        """
        unread = [token for token in tokens if (source_id, token) not in self._record_by_token]
        for chunk in iter_chunks(unread):
            rows = self._connection.execute(_BY_TOKEN, {"source": source_id, "tokens": chunk})
            found = {row.token: row.record_id for row in rows}
            self._record_by_token.update({(source_id, token): found.get(token) for token in chunk})
        return {
            token: record
            for token in tokens
            if (record := self._record_by_token[source_id, token]) is not None
        }

    def prefetch(self, source_id: int, tokens: Collection[str]) -> None:
        """Send the query of ``find`` ahead of its use."""
        for chunk in iter_chunks(tokens):
            prefetch(self._connection, _BY_TOKEN, {"source": source_id, "tokens": chunk})

    def has_any(self, source_id: int) -> bool:
        """Return whether a source has a tombstone."""
        return self._connection.execute(_ANY, {"source": source_id}).first() is not None

    def count_without_content(self, source_id: int) -> int:
        """Count the refused records of a source that have no version.

        After a restore, such a record is known by its orders alone.
        """
        query = (
            select(func.count(_tombstone.c.record_id.distinct()))
            .join(_record, _record.c.id == _tombstone.c.record_id)
            .where(_tombstone.c.source_id == source_id, _record.c.version_id.is_(None))
        )
        return int(self._connection.execute(query).scalar() or 0)

    def tokens_of(self, record_ids: Collection[int]) -> dict[int, list[str]]:
        """Return the keyed hashes of local IDs that records had, by record."""
        tokens: dict[int, list[str]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_TOKENS, {"ids": chunk}):
                tokens.setdefault(row.record_id, []).append(row.token)
        return tokens

    def remove_tokens(self, source_id: int, tokens: Collection[str]) -> None:
        """Remove tombstones of a source, whatever their records."""
        self._record_by_token.clear()
        for chunk in iter_chunks(tokens):
            self._connection.execute(
                delete(_tombstone).where(
                    _tombstone.c.source_id == source_id, is_in(_tombstone.c.token, chunk)
                )
            )

    def remove(self, record_ids: Collection[int]) -> None:
        """Remove the tombstones of records."""
        self._record_by_token.clear()
        for chunk in iter_chunks(record_ids):
            self._connection.execute(delete(_tombstone).where(_tombstone.c.record_id.in_(chunk)))
