"""Address that opens a short-lived link after the sign-in."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.notices.desk_links import open_link

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/go/{code}")
def follow(index: IndexDep, visit: VisitDep, code: str) -> Response:
    """Open the page that a link stands for.

    It is always a page of this site.
    """
    target = open_link(index, visit.viewer, code)
    if target.question is not None:
        return RedirectResponse(question_path(target.question), HTTPStatus.SEE_OTHER)
    return RedirectResponse(f"/people/{target.enterprise_id}", HTTPStatus.SEE_OTHER)
