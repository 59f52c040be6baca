"""Chart of a published report.

Each row is a bar with its label above it.
"""

from dataclasses import dataclass

from mpi.reports.report_table import HIDDEN, ReportTable

_PERCENT = "percent"
_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class ReportBar:
    """Bar of a chart.

    Args:
        label: what is counted.
        text: the figure as people read it.
        width: length of the bar in percent of the longest possible; None for a hidden figure.
    """

    label: str
    text: str
    width: float | None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """Bars under one heading.

    Args:
        title: the heading; empty if the chart has none.
        bars: its bars.
    """

    title: str
    bars: tuple[ReportBar, ...]


@dataclass(frozen=True, slots=True)
class ReportChart:
    """Chart of a report.

    Args:
        measure: what the bars show, with its unit.
        groups: bars by heading, in the order of the rows.
    """

    measure: str
    groups: tuple[BarGroup, ...]


def draw_report(table: ReportTable) -> ReportChart:
    """Compute the chart of a report's last column of figures.

    Rows that the first column does not tell apart are grouped by it. Where all rows have one group, a second
    column of text, which says only of which kind a row is, is left out.
    """
    texts = [place for place, column in enumerate(table.columns) if not column.unit]
    value = max(place for place, column in enumerate(table.columns) if column.unit)
    column = table.columns[value]
    is_named = len({row[0] for row in table.rows}) == len(table.rows)
    shown = [cell for row in table.rows if isinstance(cell := row[value], int | float)]
    longest = max([_WHOLE, *shown] if column.unit == _PERCENT else shown, default=0) or 1
    groups: dict[str, list[ReportBar]] = {}
    for row in table.rows:
        title = "" if is_named else str(row[0])
        label = str(row[0]) if is_named else " · ".join(str(row[place]) for place in texts[1:])
        cell = row[value]
        bar = ReportBar(label, HIDDEN, None)
        if isinstance(cell, int | float):
            bar = ReportBar(label, _write_figure(cell, column.unit), round(100 * cell / longest, 1))
        groups.setdefault(title, []).append(bar)
    unit = "%" if column.unit == _PERCENT else column.unit
    return ReportChart(
        f"{column.title} ({unit})", tuple(BarGroup(title, tuple(bars)) for title, bars in groups.items())
    )


def _write_figure(cell: object, unit: str) -> str:
    return f"{cell:,} %" if unit == _PERCENT else f"{cell:,}"
