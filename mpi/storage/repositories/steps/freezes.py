"""Freeze windows."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import FreezeWindowRow

_window = FreezeWindowRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class StoredFreezeWindow:
    """Days on which a source's enterprise IDs stay as they are.

    Args:
        id: its number.
        source_id: the source.
        begins_on: its first day (ISO).
        ends_on: the first day after it.
        reason: its maker's code.
        created_commit: when it was made.
        ended_commit: when it was lifted before its time.
    """

    id: int
    source_id: int
    begins_on: str
    ends_on: str
    reason: str
    created_commit: int
    ended_commit: int | None = None


class FreezeWindows:
    """The freeze windows of all sources."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[StoredFreezeWindow]:
        """Every window, by its first day."""
        rows = self._connection.execute(select(_window).order_by(_window.c.begins_on, _window.c.id))
        return [StoredFreezeWindow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name

    def get(self, number: int) -> StoredFreezeWindow | None:
        """One window."""
        return next((window for window in self.all() if window.id == number), None)

    def current_windows_of(self, source_ids: Collection[int], day: str) -> list[StoredFreezeWindow]:
        """The windows of sources that are not over on a day and were not lifted, by their first day."""
        return [
            window
            for window in self.all()
            if window.source_id in source_ids and window.ends_on > day and window.ended_commit is None
        ]

    def add(self, window: StoredFreezeWindow) -> None:
        """Add a window."""
        self._connection.execute(insert(_window).values(**asdict(window)))

    def lift(self, number: int, commit_no: int) -> None:
        """Lift a window."""
        self._connection.execute(update(_window).where(_window.c.id == number).values(ended_commit=commit_no))
