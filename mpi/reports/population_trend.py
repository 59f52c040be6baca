"""Special populations in care over time, from reports of single days."""

from collections.abc import Sequence
from datetime import date

from mpi.domain.errors import InputError
from mpi.reports.report_table import Column, ReportTable

_MONTHS_OF_QUARTER = 3
_MOST_DAYS = 41
_YEARS_BY_DEFAULT = 2


def list_trend_days(since: str | None, day: str) -> list[str]:
    """Return the first day of each quarter, and the last day.

    Args:
        since: first day of the period, ``YYYY-MM-DD``; two years before its last by default.
        day: last day.

    Raises:
        InputError: the period is longer than ten years.
    """
    last = date.fromisoformat(day)
    first = (
        last.replace(year=last.year - _YEARS_BY_DEFAULT, day=1)
        if since is None
        else date.fromisoformat(since)
    )
    quarters = (
        date(year, month, 1)
        for year in range(first.year, last.year + 1)
        for month in range(1, 13, _MONTHS_OF_QUARTER)
    )
    days = [quarter.isoformat() for quarter in quarters if first <= quarter < last]
    if len(days) >= _MOST_DAYS:
        raise InputError("--since: a trend covers ten years at most")
    return [*days, day]


def make_trend(reports: Sequence[ReportTable]) -> ReportTable:
    """Return special populations over time as one report.

    Args:
        reports: reports of special populations, of a day each; at least one, earliest first.
    """
    latest = reports[-1]
    return ReportTable(
        name="trend",
        title="Special populations among children in care over time",
        unit=latest.unit,
        source=latest.source,
        as_of=latest.as_of,
        known_on=latest.known_on,
        number=latest.number,
        definition=latest.definition,
        columns=(Column("day", "Day"), *latest.columns),
        rows=tuple((report.as_of, *row) for report in reports for row in report.rows),
        notes=(
            "Published figures are as they were published then; exact ones use what is known now.",
            *latest.notes,
        ),
    )
