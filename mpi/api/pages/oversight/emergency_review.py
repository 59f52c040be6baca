"""Page of the uses of emergency access, which somebody else reviews."""

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
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, require_permission
from mpi.service.access.break_glass import MAX_REASON_LENGTH, list_uses, review_use
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_MAX_REVIEWED = 50
"""Most reviewed uses on the page, latest first; the command lists all."""


@router.get("/emergency/uses")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the uses of emergency access, those that wait for review first."""
    return _render(index, visit)


@router.post("/emergency/uses")
def review(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Close a use of emergency access with a note, as somebody else."""
    require_permission(visit.viewer, Action.AGREEMENT_ADMIN)
    client, begun_at = form.text("client"), form.text("begun")
    try:
        review_use(index, visit.viewer, client, form.raw_text("note"), begun_at)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, error)
    return RedirectResponse("/emergency/uses?done=emergency_reviewed", HTTPStatus.SEE_OTHER)


def _render(index: Index, visit: Visit, error: MpiError | None = None) -> Response:
    """Render the uses that wait, oldest first, and the latest reviewed."""
    uses = list_uses(index, visit.viewer, counted=True)
    reviewed = [use for use in uses if use.reviewed_at is not None]
    return render_page(
        "emergency_uses.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        waiting=[use for use in uses if use.reviewed_at is None],
        reviewed=reviewed[: -_MAX_REVIEWED - 1 : -1],
        now=clock.format_timestamp(clock.now()),
        longest=MAX_REASON_LENGTH,
        problems=[] if error is None else [("", str(error))],
    )
