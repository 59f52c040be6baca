"""The pages: one to ask for an enterprise ID, one for the person it stands for."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mpi.api.access import IndexDep
from mpi.api.pages.card import person_card
from mpi.api.pages.render import page, stylesheet
from mpi.api.pages.signed import SignedDep
from mpi.api.problems import status_of
from mpi.domain import eid as eids
from mpi.domain.errors import EidError, NotFoundError

router = APIRouter(include_in_schema=False)


@router.get("/")
def index_page(_signed: SignedDep) -> HTMLResponse:
    """Ask for an enterprise ID."""
    return page("index.html", asked="", error=None)


@router.get("/people")
def find_page(_signed: SignedDep, eid: str = "") -> Response:
    """Go to the person of the ID that was typed, or say what is wrong with it."""
    try:
        return RedirectResponse(f"/people/{eids.parse(eid)}", 303)
    except EidError as error:
        return page("index.html", status_of(error)[0], asked=eid, error=str(error))


@router.get("/people/{eid}")
def person_page(index: IndexDep, signed: SignedDep, eid: str) -> HTMLResponse:
    """What each agency holds about one person."""
    try:
        return page("person.html", card=person_card(index, signed.viewer, eid))
    except (EidError, NotFoundError) as error:
        return page("index.html", status_of(error)[0], asked=eid, error=str(error))


@router.get("/style.css")
def style() -> Response:
    """How the pages look."""
    return Response(stylesheet(), media_type="text/css")
