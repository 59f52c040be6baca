"""Page of the workload: open questions of each person."""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.service.notices.workload import load_workload

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/workload")
def show(index: IndexDep, visit: VisitDep) -> Response:
    """Show how many open questions each person has."""
    loads = load_workload(index, visit.viewer)
    return render_page("workload.html", visit=visit, loads=loads, approvers=APPROVER_ASSIGNEE)
