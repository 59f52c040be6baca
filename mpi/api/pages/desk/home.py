"""Start page: a steward's own, due and new questions.

People who may not read questions are redirected to their first page.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import make_child_labeler, name_systems
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.index import Index
from mpi.service.review.queue import LandingPage, load_landing

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
def show_home(index: IndexDep, visit: VisitDep) -> Response:
    """Show the home page with the viewer's waiting review questions."""
    if is_allowed(visit.viewer, Action.TASK_READ):
        return _render_home(index, visit, load_landing(index, visit.viewer))
    first = next((item.href for item in visit.menu if item.href != "/"), None)
    if first is None:
        return render_page("nothing.html", visit=visit)
    return RedirectResponse(first, HTTPStatus.SEE_OTHER)


def _render_home(index: Index, visit: Visit, landing: LandingPage) -> Response:
    """Render the lists of questions, each with its children."""
    return render_page(
        "home.html",
        visit=visit,
        landing=landing,
        children_of=make_child_labeler(index, visit.viewer, Action.TASK_READ, _list_records(landing)),
        systems=name_systems(index, visit.viewer),
        question_path=question_path,
        today=clock.today(),
        others=(("/practice", "practice"), ("/blind", "blind")),
    )


def _list_records(landing: LandingPage) -> set[RecordRef]:
    """Return all records that the lists of the start page name."""
    lists = (landing.mine, landing.due_today, landing.new, landing.closed_by_themselves)
    records = {record for questions in lists for question in questions for record in question.records}
    return records | {question.record for question in landing.overdue}
