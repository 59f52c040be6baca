"""Numbers taken in the transaction that uses them."""

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import CounterRow

_counter = CounterRow.__table__  # type: ignore[attr-defined]


class Counters:
    """Gapless counters, one row each: a number taken by a transaction that rolls back is given again.

    An identity column would leave gaps and let a reader of the feed pass a number not yet committed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, count: int = 1) -> int:
        """Take ``count`` consecutive numbers; the first is returned, and counting starts at 1."""
        updated = self._connection.execute(
            update(_counter).where(_counter.c.name == name).values(next=_counter.c.next + count)
        )
        if updated.rowcount == 0:
            self._connection.execute(insert(_counter).values(name=name, next=1 + count))
            return 1
        following = self._connection.execute(
            select(_counter.c.next).where(_counter.c.name == name)
        ).scalar_one()
        return int(following) - count
