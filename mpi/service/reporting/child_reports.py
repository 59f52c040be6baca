"""Reports on children for who may read all records: exact, or published."""

from mpi.domain.viewer import Viewer
from mpi.reports.population_trend import make_trend
from mpi.reports.report_table import ReportTable
from mpi.service.core.index import Index
from mpi.service.reporting.releases import list_published, publish_reports
from mpi.service.reporting.report_set import (
    POPULATIONS,
    TREND,
    ReportRequest,
    build_exact_reports,
    check_request,
    choose_reports,
    note_report,
    open_children,
    permit_child_reports,
)


def make_child_report(index: Index, viewer: Viewer, request: ReportRequest) -> ReportTable:
    """Return a report on the children of the index.

    Its reader, kind and fields are a line on the ledger.

    Raises:
        NotFoundError: there is no such report.
        InputError: the definition is unknown, a day is wrong, or the extract is missing.
        FileError: a file cannot be read.
        AccessDenied: the viewer may not read reports and records of every source.
    """
    [report] = make_child_reports(index, viewer, request)
    return report


def make_child_reports(index: Index, viewer: Viewer, request: ReportRequest) -> list[ReportTable]:
    """Return the requested reports, from one reading of the children.

    Published ones are of the latest release of today for the same request, or of a new one. Raises the errors
    of ``make_child_report``.
    """
    permit_child_reports(viewer)
    check_request(request)
    if request.is_published and request.name == TREND:
        reports = [make_trend(list_published(index, viewer, POPULATIONS, request))]
    elif request.is_published:
        reports = choose_reports(publish_reports(index, viewer, request).reports, request)
    else:
        with index.database.read(viewer) as unit, open_children(unit, request) as children:
            reports = build_exact_reports(children, request)
    with index.database.read(viewer) as unit:
        for report in reports:
            note_report(index, viewer, unit, request, report)
    return reports
