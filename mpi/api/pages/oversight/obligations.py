"""Page of who owes what to whom."""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.responsibilities.yearly_report import make_responsibility_report

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_MOST_SHOWN = 500


@router.get("/obligations")
def show_obligations(index: IndexDep, visit: VisitDep) -> Response:
    """Show what is owed today and what was done within a year.

    What is late comes first.
    """
    report = make_responsibility_report(index, visit.viewer)
    return render_page(
        "obligations.html",
        visit=visit,
        report=report,
        shown=report.obligations[:_MOST_SHOWN],
        history=report.history[:_MOST_SHOWN],
        late=sum(each.is_late for each in report.obligations),
        most=_MOST_SHOWN,
    )
