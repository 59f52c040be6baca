"""Start page: a steward's own, due and new questions.

People who may not read questions are redirected to their first page.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain import clock
from mpi.domain.viewer import Action, is_allowed
from mpi.service.review.queue import load_landing

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
def show_home(index: IndexDep, visit: VisitDep) -> Response:
    """Show the home page with the viewer's waiting review questions."""
    if is_allowed(visit.viewer, Action.TASK_READ):
        return render_page(
            "home.html",
            visit=visit,
            landing=load_landing(index, visit.viewer),
            question_path=question_path,
            today=clock.today(),
            others=(("/practice", "practice"), ("/blind", "blind")),
        )
    first = next((item.href for item in visit.menu if item.href != "/"), None)
    if first is None:
        return render_page("nothing.html", visit=visit)
    return RedirectResponse(first, HTTPStatus.SEE_OTHER)
