"""Pages that list and show published reports on children, with CSV files."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.rendering.report_chart import draw_report
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.errors import InputError, NotFoundError
from mpi.reports.report_table import HIDDEN, STANDING_NOTICE, write_csv_text
from mpi.service.reporting.published_reports import (
    PublishedReport,
    ReportEntry,
    list_published_reports,
    read_published_report,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_CSV = "text/csv; charset=utf-8"


@router.get("/reports")
def show_reports(index: IndexDep, visit: VisitDep) -> Response:
    """Show the published reports, the latest of each name first."""
    found = list_published_reports(index, visit.viewer)
    latest: dict[tuple[str, str], ReportEntry] = {}
    for entry in found.reports:
        latest.setdefault((entry.name, entry.care), entry)
    return render_page(
        "reports.html",
        visit=visit,
        latest=tuple(latest.values()),
        earlier=[entry for entry in found.reports if entry not in latest.values()],
        lag_days=found.lag_days,
        path=_write_path,
    )


@router.get("/reports/{report_name}.csv")
def export_report(report_name: str, request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Send a published report as a CSV file."""
    report = _read(report_name, request, index, visit)
    headers = {
        "Content-Disposition": f'attachment; filename="{report.table.name}-{report.day}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(write_csv_text(report.table), media_type=_CSV, headers=headers)


@router.get("/reports/{report_name}")
def show_report(report_name: str, request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show a published report as chart and table, with its notes."""
    report = _read(report_name, request, index, visit)
    return render_page(
        "report.html",
        visit=visit,
        report=report,
        table=report.table,
        chart=draw_report(report.table),
        hidden=HIDDEN,
        notice=STANDING_NOTICE,
        csv=_write_path(report.table.name, report.day, report.care, ".csv"),
    )


def _read(name: str, request: Request, index: IndexDep, visit: VisitDep) -> PublishedReport:
    """Return the report that an address names.

    Raises:
        NotFoundError: there is none.
    """
    query = request.query_params
    try:
        return read_published_report(
            index, visit.viewer, name, query.get("day") or None, query.get("care") or None
        )
    except InputError:
        raise NotFoundError("there is no such published report: see the list of reports") from None


def _write_path(report_name: str, day: str, care: str, ending: str = "") -> str:
    """Return the address of a published report."""
    return f"/reports/{report_name}{ending}?{urlencode({'day': day, 'care': care})}"
