"""The first page: whoever looks is led to the first place of their menu."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.errors import PageRoute
from mpi.api.pages.visit import VisitDep

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
def home(_visit: VisitDep) -> Response:
    """Find a child."""
    return RedirectResponse("/find", HTTPStatus.SEE_OTHER)
