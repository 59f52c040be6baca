"""Dashboard page: workload, match rate, accuracy and forecast."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.charts import LineChart, Point, draw_lines
from mpi.api.pages.rendering.figure_charts import (
    ColumnChart,
    SharedEstimate,
    draw_columns,
    draw_intervals,
)
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.rendering.record_values import format_day
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.quality.dashboard import read_quality
from mpi.service.quality.forecast import DailyCounts, forecast_workload
from mpi.service.quality.live_accuracy import MonthlyAccuracy, StratumResult

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_MIN_LINE_POINTS = 3
"""Fewest points that a chart over time needs."""


@router.get("/quality")
def show_dashboard(index: IndexDep, visit: VisitDep) -> Response:
    """Show the dashboard of linkage quality and stewards' workload."""
    figures = read_quality(index, visit.viewer)
    workload_forecast = forecast_workload(index, visit.viewer)
    return render_page(
        "quality.html",
        visit=visit,
        found=figures,
        ahead=workload_forecast,
        latest=draw_intervals(_estimate_latest(figures.live)),
        live=_draw_accuracy(figures.live),
        days=None if figures.suppressed else _draw_daily_counts(workload_forecast.days),
    )


def _estimate_latest(months: Sequence[MonthlyAccuracy]) -> list[SharedEstimate]:
    """Return the latest estimates of precision and recall, each with its basis."""
    texts = load_words().quality
    latest = max(
        (month for month in months if month.precision or month.recall),
        key=lambda month: month.month,
        default=None,
    )
    if latest is None:
        return []
    linked = [each for each in latest.strata if each.linked]
    measures = (
        (texts.precision, latest.precision, linked, texts.of_links),
        (texts.recall, latest.recall, latest.strata, texts.of_matches),
    )
    return [
        SharedEstimate(
            name, estimate.value, estimate.low, estimate.high, _describe_basis(latest.month, strata, basis)
        )
        for name, estimate, strata, basis in measures
        if estimate is not None
    ]


def _describe_basis(month: str, strata: Sequence[StratumResult], basis: str) -> str:
    """Describe what an estimate is of, and from how many judged pairs.

    The number is left out where the reader gets published figures alone.
    """
    judged = sum(each.same + each.different for each in strata)
    day = format_day(month)
    if not judged:
        return f"{basis}, {day}"
    pairs = sum(each.pairs for each in strata)
    return f"{basis}, {day}: {format_text(load_words().quality.judged, n=f'{judged:,}', of=f'{pairs:,}')}"


def _draw_accuracy(months: Sequence[MonthlyAccuracy]) -> LineChart | None:
    """Draw estimated precision and recall by month, None for few months."""
    texts = load_words().quality
    by_month = sorted(months, key=lambda month: month.month)
    if sum(month.precision is not None for month in by_month) < _MIN_LINE_POINTS:
        return None
    series = [
        (texts.precision, [(month.month, month.precision) for month in by_month]),
        (texts.recall, [(month.month, month.recall) for month in by_month]),
    ]
    return draw_lines(
        [
            (name, [Point(month, one.value, one.low, one.high) for month, one in points if one is not None])
            for name, points in series
        ],
        percent=True,
    )


def _draw_daily_counts(days: Sequence[DailyCounts]) -> ColumnChart | None:
    """Draw new and answered review questions by day, None for few days."""
    if len(days) < _MIN_LINE_POINTS:
        return None
    texts = load_words().quality
    return draw_columns(
        (texts.arrived, texts.answered), [(day.day, (day.arrived, day.answered)) for day in days]
    )
