"""Repository of published reports on children."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from mpi.storage.tables import ReportReleaseRow, table_of

_release = table_of(ReportReleaseRow)


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """Reports on children that were published together.

    Args:
        number: their number, from 1.
        day: day on which they were published, ``YYYY-MM-DD``.
        request: JSON of what was asked.
        made_by: client that published them.
        cells: JSON of the counts of all cells, without those that are hidden.
        reports: JSON of the reports.
    """

    number: int
    day: str
    request: str
    made_by: str
    cells: str
    reports: str


class ReportReleases:
    """Repository of releases by number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, count: int, last_day: str | None = None) -> list[StoredRelease]:
        """Return the latest releases, latest first.

        Args:
            count: the greatest number of them.
            last_day: last day of publication; None for today.
        """
        query = select(_release).order_by(_release.c.number.desc()).limit(count)
        if last_day is not None:
            query = query.where(_release.c.day <= last_day)
        rows = self._connection.execute(query)
        return [StoredRelease(*row) for row in rows]

    def get(self, number: int) -> StoredRelease:
        """Return a release, which exists."""
        return StoredRelease(
            *self._connection.execute(select(_release).where(_release.c.number == number)).one()
        )

    def add(self, release: StoredRelease) -> None:
        """Add a release, whose number is new."""
        values = {name: getattr(release, name) for name in StoredRelease.__slots__}
        self._connection.execute(insert(_release).values(values))
