"""Repository of cursors: where the next pull of a source begins."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import PullCursorRow, table_of

_cursor = table_of(PullCursorRow)


@dataclass(frozen=True, slots=True)
class PullCursor:
    """Where the next pull of a source begins, and who pulls now.

    Args:
        source_id: number of the source.
        connection: digest of the connection that the cursor belongs to.
        cursor: where the next pull begins; None for everything.
        pulled_at: when the last pull ended (ISO, UTC); None for never.
        full_at: when the last pull of every record ended (ISO, UTC).
        counts: counts of the last pull.
        worker: process that pulls now; empty for none.
        beat: last heartbeat of that process (ISO, UTC).
    """

    source_id: int
    connection: str = ""
    cursor: str | None = None
    pulled_at: str | None = None
    full_at: str | None = None
    counts: Mapping[str, int] | None = None
    worker: str = ""
    beat: str = ""


class PullCursors:
    """Repository of pull cursors, one for each source that is pulled."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, source_id: int) -> PullCursor | None:
        """Return a source's cursor, or None if it was never pulled."""
        row = self._connection.execute(select(_cursor).where(_cursor.c.source_id == source_id)).first()
        if row is None:
            return None
        values = {name: getattr(row, name) for name in PullCursor.__slots__}
        return PullCursor(**values | {"counts": orjson.loads(row.counts)})

    def claim(self, source_id: int, worker: str, moment: str) -> None:
        """Let a process pull a source.

        Args:
            source_id: the source.
            worker: name of the process.
            moment: the present time (ISO, UTC).
        """
        if self.find(source_id) is None:
            self._connection.execute(
                insert(_cursor).values(
                    source_id=source_id, connection="", counts="{}", worker=worker, beat=moment
                )
            )
        else:
            self._update(source_id, None, worker=worker, beat=moment)

    def record_beat(self, source_id: int, worker: str, moment: str) -> bool:
        """Store a heartbeat; return whether the process still pulls the source."""
        return self._update(source_id, worker, beat=moment)

    def release(self, source_id: int, worker: str) -> None:
        """Let other processes pull a source at once."""
        self._update(source_id, worker, worker="", beat="")

    def advance(self, pulled: PullCursor, worker: str) -> bool:
        """Store how a pull ended.

        Args:
            pulled: connection, cursor, times and counts.
            worker: process that pulled.

        Returns:
            False if another process has taken the source over; nothing is stored then.
        """
        return self._update(
            pulled.source_id,
            worker,
            connection=pulled.connection,
            cursor=pulled.cursor,
            pulled_at=pulled.pulled_at,
            full_at=pulled.full_at,
            counts=orjson.dumps(dict(pulled.counts or {})).decode(),
        )

    def _update(self, source_id: int, owner: str | None, **values: str | None) -> bool:
        """Set columns of a source's cursor, if it belongs to a process."""
        statement = update(_cursor).where(_cursor.c.source_id == source_id).values(**values)
        if owner is not None:
            statement = statement.where(_cursor.c.worker == owner)
        return self._connection.execute(statement).rowcount == 1
