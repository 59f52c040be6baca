"""Page of accounts: list, unlock and close them."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.errors import InputError
from mpi.service.access.accounts import end_account, list_accounts, unlock_account

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/accounts")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the page that lists all user accounts."""
    return render_page("accounts.html", visit=visit, accounts=list_accounts(index, visit.viewer))


@router.post("/accounts/{name}")
def change_account(index: IndexDep, visit: VisitDep, name: str, form: FormDep) -> Response:
    """Unlock or close a user account.

    Raises:
        InputError: the form names another action.
        NotFoundError: there is no such account.
    """
    match form.text("do"):
        case "unlock":
            unlock_account(index, visit.viewer, name)
            return RedirectResponse("/accounts?done=unlocked", HTTPStatus.SEE_OTHER)
        case "end":
            end_account(index, visit.viewer, name)
            return RedirectResponse("/accounts?done=ended", HTTPStatus.SEE_OTHER)
        case _:
            raise InputError("do: unlock or end")
