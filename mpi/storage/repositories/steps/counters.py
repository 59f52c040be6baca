"""Repository of gapless counters, such as commit and record numbers."""

from sqlalchemy import BigInteger, Connection, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.driver.prefetch import prefetch

_TAKE_NUMBERS = text(
    "INSERT INTO counter (name, next) VALUES (:name, 1 + :count) "
    "ON CONFLICT (name) DO UPDATE SET next = counter.next + :count RETURNING next"
)
"""Statement that takes numbers on either database.

It locks the counter's row until the transaction ends.
"""
_ALL_COUNTERS = text("SELECT name, next FROM counter")
_OVERWRITE = " ON CONFLICT (name) DO UPDATE SET next = excluded.next"
_WRITE_COUNTER = text(f"INSERT INTO counter (name, next) VALUES (:name, :next){_OVERWRITE}")
_WRITE_COUNTERS = text(
    f"INSERT INTO counter (name, next) SELECT * FROM unnest(:names, :nexts){_OVERWRITE}"
).bindparams(bindparam("names", type_=ARRAY(Text())), bindparam("nexts", type_=ARRAY(BigInteger())))

CONCURRENT_COUNTERS = frozenset(("disclosure", "task_action", "ledger_root"))
"""Counters that transactions without the index lock take numbers from."""


class Counters:
    """Repository of counters that give database rows consecutive numbers.

    Numbers of a rolled-back transaction are used again. An identity column would leave gaps, and a reader
    of the change feed could pass a number not committed yet.

    Args:
        connection: connection with an open write transaction.
        is_only_writer: whether no other transaction writes to the index, so that counters are read once
            and written once.
    """

    def __init__(self, connection: Connection, *, is_only_writer: bool) -> None:
        self._connection = connection
        self._is_only_writer = is_only_writer
        self._next: dict[str, int] | None = None
        self._taken: set[str] = set()

    def take(self, name: str, count: int = 1) -> int:
        """Take ``count`` consecutive numbers of a counter and return the first.

        Counting starts at 1.
        """
        if name in CONCURRENT_COUNTERS or not self._is_only_writer:
            next_number = self._connection.execute(_TAKE_NUMBERS, {"name": name, "count": count}).scalar_one()
            return int(next_number) - count
        if self._next is None:
            self._next = {row.name: row.next for row in self._connection.execute(_ALL_COUNTERS)}
        first = self._next.get(name, 1)
        self._next[name] = first + count
        self._taken.add(name)
        return first

    def prefetch(self) -> None:
        """Send the query for the counters ahead of their first use."""
        if self._is_only_writer and self._next is None:
            prefetch(self._connection, _ALL_COUNTERS)

    def reserve_up_to(self, name: str, number: int) -> None:
        """Make a counter never again give a number up to a limit."""
        next_number = self.take(name, 0)
        self.take(name, max(number + 1 - next_number, 0))

    def flush(self) -> None:
        """Write to the database the counters that numbers were taken from."""
        if self._next is not None and self._taken:
            names = sorted(self._taken)
            nexts = [self._next[name] for name in names]
            if self._connection.dialect.name == "postgresql":
                self._connection.execute(_WRITE_COUNTERS, {"names": names, "nexts": nexts})
            else:
                rows = [{"name": name, "next": number} for name, number in zip(names, nexts, strict=True)]
                self._connection.execute(_WRITE_COUNTER, rows)
            self._taken.clear()
