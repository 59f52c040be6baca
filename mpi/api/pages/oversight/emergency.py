"""Page on which a person begins and ends emergency access."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.cookies import read_sign_in_token
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError
from mpi.domain.viewer import Action, require_permission
from mpi.service.access.break_glass import MAX_REASON_LENGTH
from mpi.service.access.emergency_sessions import begin_emergency, end_emergency, find_own_use
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/emergency")
def show(index: IndexDep, visit: VisitDep) -> Response:
    """Show the form that begins emergency access, or what is left."""
    return _render(index, visit)


@router.post("/emergency")
def act(request: Request, index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Begin or end emergency access in this sign-in session.

    Raises:
        InputError: the form names another action.
    """
    require_permission(visit.viewer, Action.BREAK_GLASS)
    token = read_sign_in_token(request) or ""
    match form.button():
        case "begin":
            try:
                begin_emergency(index, token, form.raw_text("reason"))
            except (InputError, ConflictError) as error:
                return _render(index, visit, error, form.raw_text("reason"))
            return RedirectResponse("/find?done=emergency_begun", HTTPStatus.SEE_OTHER)
        case "end":
            end_emergency(index, token)
            return RedirectResponse("/emergency?done=emergency_ended", HTTPStatus.SEE_OTHER)
        case _:
            raise make_button_error()


def _render(index: Index, visit: Visit, error: MpiError | None = None, reason: str = "") -> Response:
    """Render the page with the state of the person's own use."""
    return render_page(
        "emergency.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        use=find_own_use(index, visit.viewer),
        minutes=index.settings.break_glass_minutes,
        children=index.settings.break_glass_children,
        longest=MAX_REASON_LENGTH,
        reason=reason,
        problems=[] if error is None else [("reason", str(error))],
    )
