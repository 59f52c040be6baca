"""Numbers taken in the transaction that uses them."""

from sqlalchemy import Connection, text

_TAKE = text(
    "INSERT INTO counter (name, next) VALUES (:name, 1 + :count) "
    "ON CONFLICT (name) DO UPDATE SET next = counter.next + :count RETURNING next"
)
"""One step on both stores: the row is locked from here to the end of the transaction."""


class Counters:
    """Gapless counters, one row each: a number taken by a transaction that rolls back is given again.

    An identity column would leave gaps and let a reader of the feed pass a number not yet committed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, count: int = 1) -> int:
        """Take ``count`` consecutive numbers; the first is returned, and counting starts at 1."""
        following = self._connection.execute(_TAKE, {"name": name, "count": count}).scalar_one()
        return int(following) - count
