"""Page of requests about accounts, for the second person."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.administration.accounts import show_password
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import make_button_error
from mpi.api.request.problems import find_status
from mpi.api.schemas.parameters import NumberDep
from mpi.domain.errors import AccessDenied, ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, is_allowed, require_permission
from mpi.service.access.account_requests import confirm_request, list_account_requests, refuse_request
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_PLACE = "/account-requests"


@router.get(_PLACE)
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the requests about accounts that wait."""
    return _render(index, visit)


@router.post(f"{_PLACE}/{{number}}")
def answer(index: IndexDep, visit: VisitDep, number: NumberDep, form: FormDep) -> Response:
    """Confirm, refuse or withdraw a request; show a one-time password once."""
    if not is_allowed(visit.viewer, Action.ACCOUNT_ADMIN):
        require_permission(visit.viewer, Action.APPROVE)
    try:
        done = _answer(index, visit, number, form.button())
    except (InputError, ConflictError, NotFoundError, AccessDenied) as error:
        return _render(index, visit, error)
    return done


def _answer(index: Index, visit: Visit, number: int, action: str) -> Response:
    """Answer a request; return the next page.

    Raises:
        InputError: the form names another action.
    """
    if action == "confirm":
        confirmed = confirm_request(index, visit.viewer, number)
        if confirmed.password is not None:
            return show_password(visit, confirmed.name, confirmed.password, _PLACE)
        return RedirectResponse(f"{_PLACE}?done=account_confirmed", HTTPStatus.SEE_OTHER)
    if action != "refuse":
        raise make_button_error()
    refuse_request(index, visit.viewer, number)
    is_admin = is_allowed(visit.viewer, Action.ACCOUNT_ADMIN)
    place = "/accounts?done=account_withdrawn" if is_admin else f"{_PLACE}?done=account_refused"
    return RedirectResponse(place, HTTPStatus.SEE_OTHER)


def _render(index: Index, visit: Visit, error: MpiError | None = None) -> Response:
    """Render the requests that wait."""
    return render_page(
        "account_requests.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        requests=list_account_requests(index, visit.viewer),
        problems=[] if error is None else [("", str(error))],
    )
