"""Page of the corrections that a person received, to be confirmed."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, MpiError
from mpi.service.audit.corrections import acknowledge_correction, list_corrections
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/corrections")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the records that were disclosed because of a wrong link."""
    return _render(index, visit)


@router.post("/corrections/{code}")
def confirm(index: IndexDep, visit: VisitDep, code: str, _: FormDep) -> Response:
    """Confirm that the person's own copies are corrected."""
    try:
        acknowledge_correction(index, visit.viewer, code)
    except ConflictError as error:
        return _render(index, visit, error)
    return RedirectResponse("/corrections?done=correction_confirmed", HTTPStatus.SEE_OTHER)


def _render(index: Index, visit: Visit, error: MpiError | None = None) -> Response:
    return render_page(
        "own_corrections.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        corrections=list_corrections(index, visit.viewer),
        today=clock.today(),
        problems=[] if error is None else [("", str(error))],
    )
