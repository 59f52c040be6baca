"""Routes that list and read published reports on children.

A report is read as JSON or CSV.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.quality.child_reports import ReportListOut, ReportOut, ReportQuery
from mpi.domain.viewer import Action
from mpi.reports.report_table import STANDING_NOTICE, write_csv_text
from mpi.service.reporting.published_reports import (
    PublishedReport,
    ReportList,
    list_published_reports,
    read_published_report,
)

router = APIRouter(tags=["quality"])
_CSV = "text/csv"
_CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report.",
        "content": {
            _CSV: {
                "schema": {"type": "string", "description": "The report as a CSV file."},
                "example": "# report: waterfall\nstep,children\nIn care,9120\n",
            }
        },
    }
}


@router.get(
    "/v1/reports",
    operation_id="list_reports",
    response_model=ReportListOut,
    summary="List the published reports on children",
    responses=describe_problems(),
    dependencies=[permit(Action.REPORT_READ)],
)
def get_reports(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> ReportList:
    """Return the published reports, latest first.

    A report that the caller's role, purpose or agreement does not permit has the reason in `refusal`.
    """
    return list_published_reports(index, viewer)


@router.get(
    "/v1/reports/{report_name}",
    operation_id="get_report",
    response_model=ReportOut,
    summary="Read a published report on children",
    responses=_CSV_ANSWER | describe_problems(404, 422),
    dependencies=[permit(Action.REPORT_READ)],
)
def get_report(
    index: IndexDep,
    viewer: CallerDep,
    report_name: Annotated[str, Path(description="Name of the report.", examples=["waterfall"])],
    query: Annotated[ReportQuery, Query()],
    accept: Annotated[str | None, Header(description="`text/csv` for a CSV file.")] = None,
) -> ReportOut | Response:
    """Return a published report as it was published.

    Small counts are hidden, and nothing is counted anew.

    Each reading is on the ledger, with the report, its days and its columns.
    """
    report = read_published_report(index, viewer, report_name, query.day, query.care)
    if accept is not None and _CSV in accept:
        return Response(write_csv_text(report.table), media_type=_CSV)
    return _to_answer(report)


def _to_answer(report: PublishedReport) -> ReportOut:
    """Return a report as the API answers it."""
    return ReportOut(
        **asdict(report.table),
        day=report.day,
        care=report.care,
        smallest_shown=report.smallest_shown,
        notice=STANDING_NOTICE,
    )
