"""Page on which a person sets up one-time codes."""

from functools import partial
from http import HTTPStatus

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk.sign_in import add_retry_time, run_limited
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import SECOND_FACTOR, FormDep, SignedDep
from mpi.api.pages.session.cookies import read_sign_in_token, set_sign_in_token
from mpi.api.pages.session.page_context import create_visit
from mpi.api.request.authentication import IndexDep
from mpi.api.request.client_address import get_client_network
from mpi.api.request.forms import make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotAuthenticated, StoreError
from mpi.service.access.own_account.second_factor import find_own_factor, propose_enrollment
from mpi.service.access.session_authentication import SignedInAccount
from mpi.service.access.sign_in import add_second_factor, remove_second_factor
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(SECOND_FACTOR)
def show_second_factor(request: Request, index: IndexDep, signed: SignedDep) -> Response:
    """Show whether one-time codes are used, or how to start."""
    return _render(request, index, signed)


@router.post(SECOND_FACTOR)
async def post_second_factor(request: Request, index: IndexDep, signed: SignedDep, form: FormDep) -> Response:
    """Begin or stop to use one-time codes."""
    typed = (
        index, read_sign_in_token(request) or "", form.raw_text("password"), form.raw_text("code"),
        get_client_network(request.scope),
    )  # fmt: skip
    try:
        match form.button():
            case "add":
                codes = await run_limited(request, partial(add_second_factor, *typed))
            case "remove":
                token = await run_limited(request, partial(remove_second_factor, *typed))
                answer = RedirectResponse(SECOND_FACTOR, HTTPStatus.SEE_OTHER)
                set_sign_in_token(request, answer, token)
                return answer
            case _:
                raise make_button_error()
    except (NotAuthenticated, InputError, ConflictError, StoreError) as error:
        return add_retry_time(_render(request, index, signed, error), error)
    return render_page(
        "recovery_codes.html", visit=create_visit(request, index, signed), here="second-factor", codes=codes
    )


def _render(
    request: Request, index: Index, signed: SignedInAccount, error: MpiError | None = None
) -> Response:
    status = HTTPStatus.OK if error is None else find_status(error)[0]
    # A 401 response has to name an HTTP authentication scheme, and a form is none.
    status = HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED else status
    enrollment = propose_enrollment(index, read_sign_in_token(request) or "", signed.name)
    drawing = segno.make(enrollment.uri, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff"
    )
    return render_page(
        "second_factor.html",
        status,
        visit=create_visit(request, index, signed),
        here="second-factor",
        factor=find_own_factor(index, signed.viewer),
        must_enroll=signed.must_enroll,
        secret=enrollment.secret,
        # segno draws the address of an enrollment that the index itself made.
        drawing=Markup(drawing),  # noqa: S704
        error=None if error is None else str(error),
    )
