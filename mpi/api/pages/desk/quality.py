"""Dashboard page: workload, match rate, accuracy and forecast."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.charts import LineChart, Point, draw_lines
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.quality.dashboard import read_quality
from mpi.service.quality.forecast import DailyCounts, forecast_workload
from mpi.service.quality.live_accuracy import MonthlyAccuracy

router = APIRouter(include_in_schema=False, route_class=PageRoute)


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
        live=_draw_accuracy(figures.live),
        days=None if figures.suppressed else _draw_daily_counts(workload_forecast.days),
    )


def _draw_accuracy(months: Sequence[MonthlyAccuracy]) -> LineChart | None:
    """Draw the chart of estimated linkage precision and recall by month."""
    texts = load_words().quality
    by_month = sorted(months, key=lambda month: month.month)
    precision = [
        Point(
            month_figures.month,
            month_figures.precision.value,
            month_figures.precision.low,
            month_figures.precision.high,
        )
        for month_figures in by_month
        if month_figures.precision is not None
    ]
    recall = [
        Point(
            month_figures.month,
            month_figures.recall.value,
            month_figures.recall.low,
            month_figures.recall.high,
        )
        for month_figures in by_month
        if month_figures.recall is not None
    ]
    return draw_lines([(texts.precision, precision), (texts.recall, recall)], percent=True)


def _draw_daily_counts(days: Sequence[DailyCounts]) -> LineChart | None:
    """Draw the chart of new and answered review questions by day."""
    texts = load_words().quality
    arrived_points = [Point(day.day[5:], float(day.arrived)) for day in days]
    answered_points = [Point(day.day[5:], float(day.answered)) for day in days]
    return draw_lines([(texts.arrived, arrived_points), (texts.answered, answered_points)], percent=False)
