"""Charts of reports: bars that the colour-blind can tell apart."""

from typing import Any

from mpi.domain.errors import InputError
from mpi.reports.report_table import HIDDEN, Column, ReportTable

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""Colours of Okabe and Ito (2008), which people with any colour vision can tell apart."""
_WIDTH, _STEP = 520, 26


def make_chart(report: ReportTable) -> Any:  # noqa: ANN401 - an Altair chart
    """Return a chart of a report's last column of numbers.

    The columns of text name its groups. A hidden count has no bar, and the word in its place. A report
    without rows says so.

    Raises:
        InputError: the extra ``reports`` is not installed.
    """
    altair, _ = _import_charts()
    if report.columns[0].name == "day":
        return _make_line_chart(altair, report)
    labels = [column for column in report.columns if not column.unit]
    value = next(column for column in reversed(report.columns) if column.unit)
    is_named = len({row[0] for row in report.rows}) == len(report.rows)
    data = [_to_point(report, row, labels[: 1 if is_named else None], value) for row in report.rows]
    data = data or [{"row": "no group to show", "group": "", "value": 0, "label": ""}]
    base = altair.Chart(altair.Data(values=data))
    row = altair.Y("row:N", sort=None, title=None, axis=altair.Axis(labelLimit=480))
    length = altair.X("value:Q", title=f"{value.title} ({value.unit})", scale=altair.Scale(zero=True))
    colour = altair.Color(
        "group:N",
        title=None,
        scale=altair.Scale(range=list(PALETTE)),
        legend=altair.Legend(orient="bottom", labelLimit=480, columns=4) if len(labels) > 1 else None,
    )
    bars = base.mark_bar().encode(y=row, x=length, color=colour)
    words = base.mark_text(align="left", dx=3).encode(y=row, x=length, text="label:N")
    subtitle = [f"n = {report.describe()['n']} {report.unit} · as of {report.as_of}", report.source]
    return (
        (bars + words)
        .properties(
            width=_WIDTH,
            height=altair.Step(_STEP),
            title=altair.TitleParams(report.title, subtitle=subtitle, anchor="start"),
        )
        .configure(background="#ffffff", font="sans-serif")
    )


def _make_line_chart(altair: Any, report: ReportTable) -> Any:  # noqa: ANN401 - an Altair chart
    """Return a line chart of a report's last number by day.

    Each combination of its other texts is a line.

    A hidden number leaves a gap.
    """
    value = next(column for column in reversed(report.columns) if column.unit)
    panel, line = [column.name for column in report.columns if not column.unit][1:3]
    names = [column.name for column in report.columns]
    data = [dict(zip(names, row, strict=True)) for row in report.rows]
    return (
        altair.Chart(altair.Data(values=data))
        .mark_line(point=True)
        .encode(
            x=altair.X("day:T", title=None, axis=altair.Axis(format="%b %Y")),
            y=altair.Y(
                f"{value.name}:Q", title=f"{value.title} ({value.unit})", scale=altair.Scale(zero=True)
            ),
            color=altair.Color(
                f"{line}:N",
                title=None,
                scale=altair.Scale(range=list(PALETTE)),
                legend=altair.Legend(orient="bottom", labelLimit=480, columns=3),
            ),
            row=altair.Row(
                f"{panel}:N", title=None, header=altair.Header(labelOrient="top", labelAnchor="start")
            ),
        )
        .properties(
            width=_WIDTH,
            height=6 * _STEP,
            title=altair.TitleParams(
                report.title, subtitle=[f"as of {report.as_of}", report.source], anchor="start"
            ),
        )
        .configure(background="#ffffff", font="sans-serif")
    )


def draw_svg(report: ReportTable) -> str:
    """Return the chart of a report as SVG, without a script."""
    _, converter = _import_charts()
    return str(converter.vegalite_to_svg(make_chart(report).to_dict()))


def draw_png(report: ReportTable) -> bytes:
    """Return the chart of a report as PNG."""
    _, converter = _import_charts()
    return bytes(converter.vegalite_to_png(make_chart(report).to_dict(), scale=2))


def _to_point(
    report: ReportTable, row: tuple[Any, ...], labels: list[Column], value: Column
) -> dict[str, Any]:
    cells = dict(zip((column.name for column in report.columns), row, strict=True))
    number = cells[value.name]
    return {
        "row": " · ".join(str(cells[label.name]) for label in labels),
        "group": str(next(cells[each.name] for each in reversed(report.columns) if not each.unit)),
        "value": 0 if number is None else number,
        "label": HIDDEN if number is None else f"{number:,}{' %' if value.unit == 'percent' else ''}",
    }


def _import_charts() -> tuple[Any, Any]:
    try:
        import altair  # noqa: PLC0415 - an extra
        import vl_convert  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "charts need the extra reports, which is not installed: pip install '.[reports]' in a checkout"
        ) from None
    return altair, vl_convert
