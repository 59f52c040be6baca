"""Repository of freeze windows of sources."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import FreezeWindowRow, table_of

_window = table_of(FreezeWindowRow)


@dataclass(frozen=True, slots=True)
class StoredFreezeWindow:
    """A freeze window: days on which decisions about a source's records wait.

    Args:
        id: number of the window.
        source_id: number of the source.
        begins_on: first day (ISO).
        ends_on: first day after the window (ISO).
        reason: reason code of its maker.
        created_commit: commit number of its creation.
        ended_commit: commit number at which it was lifted early.
    """

    id: int
    source_id: int
    begins_on: str
    ends_on: str
    reason: str
    created_commit: int
    ended_commit: int | None = None


class FreezeWindows:
    """Repository of freeze windows: days on which decisions must wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[StoredFreezeWindow]:
        """Return every source's freeze windows, by first day."""
        rows = self._connection.execute(select(_window).order_by(_window.c.begins_on, _window.c.id))
        return [StoredFreezeWindow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name

    def get(self, number: int) -> StoredFreezeWindow | None:
        """Return a freeze window by number, or None."""
        return next((window for window in self.all() if window.id == number), None)

    def current_windows_of(self, source_ids: Collection[int], day: str) -> list[StoredFreezeWindow]:
        """Return freeze windows of sources that are not over or lifted.

        They are in the order of their first days.
        """
        return [
            window
            for window in self.all()
            if window.source_id in source_ids and window.ends_on > day and window.ended_commit is None
        ]

    def add(self, window: StoredFreezeWindow) -> None:
        """Add a freeze window: days on which decisions about a source wait."""
        self._connection.execute(insert(_window).values(**asdict(window)))

    def lift(self, number: int, commit_no: int) -> None:
        """End a freeze window before its last day."""
        self._connection.execute(update(_window).where(_window.c.id == number).values(ended_commit=commit_no))
