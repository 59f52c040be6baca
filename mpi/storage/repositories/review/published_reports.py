"""Repository of published figures."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from mpi.storage.tables import PublishedReportRow, table_of

_report = table_of(PublishedReportRow)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The figures of one report, as measured on one day.

    Args:
        day: day of the measurement, ``YYYY-MM-DD``.
        name: name of the report.
        content: JSON.
        computed_at: time of the measurement (ISO, UTC).
    """

    day: str
    name: str
    content: str
    computed_at: str


class PublishedReports:
    """Repository of reports by day of measurement and name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, name: str, until: str) -> StoredReport | None:
        """Return a report's latest measurement up to a day, or None.

        Args:
            name: name of the report.
            until: the day, ``YYYY-MM-DD``, inclusive.
        """
        row = self._connection.execute(
            select(_report)
            .where(_report.c.name == name, _report.c.day <= until)
            .order_by(_report.c.day.desc())
            .limit(1)
        ).first()
        return None if row is None else StoredReport(*row)

    def first_day_after(self, name: str, day: str) -> str | None:
        """Return a report's first day of measurement after a day, or None."""
        return self._connection.execute(
            select(func.min(_report.c.day)).where(_report.c.name == name, _report.c.day > day)
        ).scalar()

    def has(self, day: str) -> bool:
        """Return whether the figures of a day are stored."""
        row = self._connection.execute(select(_report.c.name).where(_report.c.day == day).limit(1)).first()
        return row is not None

    def add(self, reports: Iterable[StoredReport]) -> None:
        """Store the reports of a day, which has none yet."""
        for report in reports:
            self._connection.execute(
                insert(_report).values(
                    day=report.day,
                    name=report.name,
                    content=report.content,
                    computed_at=report.computed_at,
                )
            )
