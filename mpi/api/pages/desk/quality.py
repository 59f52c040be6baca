"""The dashboard: what waits, how many children in care are found, and how well it is decided."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.charts import LineChart, Point, draw_lines
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.rendering.words import load_words
from mpi.api.pages.session.visit import VisitDep
from mpi.api.request.access import IndexDep
from mpi.service.quality.dashboard import measure_quality
from mpi.service.quality.forecast import DailyCounts, forecast_workload
from mpi.service.quality.live_accuracy import MonthlyAccuracy

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/quality")
def show_dashboard(index: IndexDep, visit: VisitDep) -> Response:
    """Every figure, with the drawings and tables of those that change by time."""
    found = measure_quality(index, visit.viewer)
    ahead = forecast_workload(index, visit.viewer)
    return render_page(
        "quality.html",
        visit=visit,
        found=found,
        ahead=ahead,
        live=_draw_accuracy(found.live),
        days=None if found.suppressed else _draw_daily_counts(ahead.days),
    )


def _draw_accuracy(months: Sequence[MonthlyAccuracy]) -> LineChart | None:
    w = load_words().quality
    by_month = sorted(months, key=lambda month: month.month)
    precision = [
        Point(one.month, one.precision.value, one.precision.low, one.precision.high)
        for one in by_month
        if one.precision is not None
    ]
    recall = [
        Point(one.month, one.recall.value, one.recall.low, one.recall.high)
        for one in by_month
        if one.recall is not None
    ]
    return draw_lines([(w.precision, precision), (w.recall, recall)], percent=True)


def _draw_daily_counts(days: Sequence[DailyCounts]) -> LineChart | None:
    w = load_words().quality
    arrived = [Point(day.day[5:], float(day.arrived)) for day in days if day.arrived is not None]
    answered = [Point(day.day[5:], float(day.answered)) for day in days if day.answered is not None]
    return draw_lines([(w.arrived, arrived), (w.answered, answered)], percent=False)
