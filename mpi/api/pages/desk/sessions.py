"""Page of a person's own open sessions."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import SESSIONS, FormDep, SignedDep
from mpi.api.pages.session.cookies import read_sign_in_token
from mpi.api.pages.session.page_context import create_visit
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import make_button_error
from mpi.service.access.own_account.sessions import end_other_sessions, list_sessions

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(SESSIONS)
def show_sessions(request: Request, index: IndexDep, signed: SignedDep) -> Response:
    """Show the person's own open sessions."""
    sessions = list_sessions(index, signed.viewer, read_sign_in_token(request) or "")
    return render_page(
        "sessions.html", visit=create_visit(request, index, signed), here="sessions", sessions=sessions
    )


@router.post(SESSIONS)
def post_sessions(request: Request, index: IndexDep, signed: SignedDep, form: FormDep) -> Response:
    """End one or all of the person's other sessions."""
    token = read_sign_in_token(request) or ""
    match form.button():
        case "end":
            end_other_sessions(index, signed.viewer, token, form.raw_text("session"))
        case "end-others":
            end_other_sessions(index, signed.viewer, token)
        case _:
            raise make_button_error()
    return RedirectResponse(SESSIONS, HTTPStatus.SEE_OTHER)
