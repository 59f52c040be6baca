"""Repository of oversized blocking keys and of records awaiting candidate search."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import LargeBlockRow, PendingRow, table_of

_block = table_of(LargeBlockRow)
_pending = table_of(PendingRow)


@dataclass(frozen=True, slots=True)
class LargeBlock:
    """A blocking key that more records share than the alarm size.

    Args:
        key: the blocking key.
        records: number of records that had the key when this was noticed.
        first_commit: commit number at which it was noticed.
    """

    key: int
    records: int
    first_commit: int


class LargeBlockRepository:
    """Repository of very common blocking keys, and of records not searched yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_new(self, config_id: int, sizes: Mapping[int, int], commit_no: int) -> list[int]:
        """Store very common blocking keys not stored yet, and return them.

        Args:
            config_id: number of the configuration.
            sizes: number of records by key.
            commit_no: commit number of the transaction.
        """
        stored_keys = set(
            self._connection.execute(
                select(_block.c.key).where(_block.c.config_id == config_id, is_in(_block.c.key, list(sizes)))
            ).scalars()
        )
        new_keys = sorted(set(sizes) - stored_keys)
        rows = [
            {"config_id": config_id, "key": key, "records": sizes[key], "first_commit": commit_no}
            for key in new_keys
        ]
        if rows:
            self._connection.execute(insert(_block), rows)
        return new_keys

    def all(self, config_id: int) -> list[LargeBlock]:
        """Return a configuration's very common blocking keys, most records first."""
        rows = self._connection.execute(
            select(_block.c.key, _block.c.records, _block.c.first_commit)
            .where(_block.c.config_id == config_id)
            .order_by(_block.c.records.desc(), _block.c.key)
        )
        return [LargeBlock(*row) for row in rows]

    def add_pending(self, record_id: int, commit_no: int) -> None:
        """Mark a record for candidate search in the background, unless already marked."""
        if not self.is_pending(record_id):
            self._connection.execute(insert(_pending).values(record_id=record_id, since_commit=commit_no))

    def is_pending(self, record_id: int) -> bool:
        """Return whether a record awaits candidate search in the background."""
        rows = self._connection.execute(select(_pending.c.record_id).where(_pending.c.record_id == record_id))
        return rows.first() is not None

    def pending_among(self, record_ids: Collection[int]) -> set[int]:
        """Return those of some records that await candidate search in the background."""
        if not self.count_pending():
            return set()
        pending: set[int] = set()
        for chunk in iter_chunks(record_ids):
            query = select(_pending.c.record_id).where(is_in(_pending.c.record_id, chunk))
            pending.update(self._connection.execute(query).scalars())
        return pending

    def oldest_pending(self, limit: int) -> list[int]:
        """Return up to ``limit`` records awaiting candidate search, longest wait first."""
        rows = self._connection.execute(
            select(_pending.c.record_id).order_by(_pending.c.since_commit, _pending.c.record_id).limit(limit)
        )
        return list(rows.scalars())

    def count_pending(self) -> int:
        """Count the records that await candidate search in the background."""
        return int(self._connection.execute(select(func.count()).select_from(_pending)).scalar() or 0)

    def remove_pending(self, record_id: int) -> bool:
        """Unmark a record awaiting candidate search; return whether it was marked."""
        deletion = self._connection.execute(delete(_pending).where(_pending.c.record_id == record_id))
        return bool(deletion.rowcount)
