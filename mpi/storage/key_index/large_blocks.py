"""Large blocks, and records whose search waits for the worker."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import LargeBlockRow, PendingRow

_block = LargeBlockRow.__table__  # type: ignore[attr-defined]
_pending = PendingRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class LargeBlock:
    """A blocking key that was met past the alarm size.

    Args:
        key: the key.
        records: how many had it then.
        first_commit: when.
    """

    key: int
    records: int
    first_commit: int


class LargeBlockRepository:
    """What is too large to be searched without a word."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_new(self, config_id: int, sizes: Mapping[int, int], commit_no: int) -> list[int]:
        """Add blocks that are not queued yet; returns their keys."""
        known = set(
            self._connection.execute(
                select(_block.c.key).where(_block.c.config_id == config_id, is_in(_block.c.key, list(sizes)))
            ).scalars()
        )
        new = sorted(set(sizes) - known)
        rows = [
            {"config_id": config_id, "key": k, "records": sizes[k], "first_commit": commit_no} for k in new
        ]
        if rows:
            self._connection.execute(insert(_block), rows)
        return new

    def all(self, config_id: int) -> list[LargeBlock]:
        """Every queued block of a configuration, largest first."""
        rows = self._connection.execute(
            select(_block.c.key, _block.c.records, _block.c.first_commit)
            .where(_block.c.config_id == config_id)
            .order_by(_block.c.records.desc(), _block.c.key)
        )
        return [LargeBlock(*row) for row in rows]

    def add_pending(self, record_id: int, commit_no: int) -> None:
        """Keep a record for the worker; one that waits already stays as it is."""
        if not self.is_pending(record_id):
            self._connection.execute(insert(_pending).values(record_id=record_id, since_commit=commit_no))

    def is_pending(self, record_id: int) -> bool:
        """Whether a record waits for the worker."""
        found = self._connection.execute(
            select(_pending.c.record_id).where(_pending.c.record_id == record_id)
        )
        return found.first() is not None

    def oldest_pending(self, limit: int) -> list[int]:
        """Records that wait, the longest first."""
        rows = self._connection.execute(
            select(_pending.c.record_id).order_by(_pending.c.since_commit, _pending.c.record_id).limit(limit)
        )
        return list(rows.scalars())

    def count_pending(self) -> int:
        """How many records wait."""
        return int(self._connection.execute(select(func.count()).select_from(_pending)).scalar() or 0)

    def remove_pending(self, record_id: int) -> bool:
        """Take a record from those that wait; whether it was there."""
        done = self._connection.execute(delete(_pending).where(_pending.c.record_id == record_id))
        return bool(done.rowcount)
