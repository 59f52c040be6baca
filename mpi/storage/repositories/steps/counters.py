"""Numbers taken in the transaction that uses them."""

from sqlalchemy import BigInteger, Connection, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.driver.prefetch import prefetch

_TAKE_NUMBERS = text(
    "INSERT INTO counter (name, next) VALUES (:name, 1 + :count) "
    "ON CONFLICT (name) DO UPDATE SET next = counter.next + :count RETURNING next"
)
"""One step on both stores: the row is locked from here to the end of the transaction."""
_ALL_COUNTERS = text("SELECT name, next FROM counter")
_OVERWRITE = " ON CONFLICT (name) DO UPDATE SET next = excluded.next"
_WRITE_COUNTER = text(f"INSERT INTO counter (name, next) VALUES (:name, :next){_OVERWRITE}")
_WRITE_COUNTERS = text(f"INSERT INTO counter (name, next) SELECT * FROM unnest(:names, :nexts){_OVERWRITE}").bindparams(
    bindparam("names", type_=ARRAY(Text())), bindparam("nexts", type_=ARRAY(BigInteger()))
)

CONCURRENT_COUNTERS = frozenset(("disclosure", "task_action"))
"""Counters that are taken from beside a writer of the index: of the ledger, and of the work on questions."""


class Counters:
    """Gapless counters, one row each: a number taken by a transaction that rolls back is given again.

    An identity column would leave gaps and let a reader of the feed pass a number not yet committed.

    Args:
        connection: an open writing transaction.
        alone: whether no other writer of the index can be at work, so that the counters can be read once
            and written once.
    """

    def __init__(self, connection: Connection, *, is_only_writer: bool) -> None:
        self._connection = connection
        self._is_only_writer = is_only_writer
        self._next: dict[str, int] | None = None
        self._taken: set[str] = set()

    def take(self, name: str, count: int = 1) -> int:
        """Take ``count`` consecutive numbers; the first is returned, and counting starts at 1."""
        if name in CONCURRENT_COUNTERS or not self._is_only_writer:
            following = self._connection.execute(_TAKE_NUMBERS, {"name": name, "count": count}).scalar_one()
            return int(following) - count
        if self._next is None:
            self._next = {row.name: row.next for row in self._connection.execute(_ALL_COUNTERS)}
        first = self._next.get(name, 1)
        self._next[name] = first + count
        self._taken.add(name)
        return first

    def prefetch(self) -> None:
        """Send ahead what the first ``take`` will ask."""
        if self._is_only_writer and self._next is None:
            prefetch(self._connection, _ALL_COUNTERS)

    def reserve_up_to(self, name: str, number: int) -> None:
        """Never give a number, nor any below it."""
        following = self.take(name, 0)
        self.take(name, max(number + 1 - following, 0))

    def flush(self) -> None:
        """Write the counters that were taken from."""
        if self._next is not None and self._taken:
            names = sorted(self._taken)
            nexts = [self._next[name] for name in names]
            if self._connection.dialect.name == "postgresql":
                self._connection.execute(_WRITE_COUNTERS, {"names": names, "nexts": nexts})
            else:
                rows = [{"name": name, "next": number} for name, number in zip(names, nexts, strict=True)]
                self._connection.execute(_WRITE_COUNTER, rows)
            self._taken.clear()
