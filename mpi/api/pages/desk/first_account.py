"""Page on which the first administrator makes an account."""

from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk.sign_in import add_retry_time, check_visit_form, render_visit_page, run_limited
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.session.authentication import FIRST_ACCOUNT, SIGN_IN
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, SentFormDep
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, StoreError
from mpi.service.access.accounts.new_accounts import MAX_FULL_NAME_LENGTH
from mpi.service.access.first_start.first_account import require_first_link, use_first_link
from mpi.service.access.passwords import MIN_LENGTH
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(FIRST_ACCOUNT)
def show_first_account(request: Request, index: IndexDep, token: str) -> Response:
    """Show the form for the first account.

    Raises:
        NotFoundError: the link is not valid.
    """
    require_first_link(index, token)
    return _render(request, index, token)


@router.post(FIRST_ACCOUNT)
async def post_first_account(request: Request, index: IndexDep, token: str, form: SentFormDep) -> Response:
    """Make the first account, once, and lead to the sign-in page.

    Raises:
        NotFoundError: the link is not valid.
    """
    typed = (form.raw_text("name"), form.raw_text("full_name"), form.raw_text("new"))
    if form.raw_text("again") != form.raw_text("new"):
        require_first_link(index, token)
        return _render(request, index, token, InputError(load_words().password.not_the_same), form)
    try:
        check_visit_form(request, index, form)
        await run_limited(request, partial(use_first_link, index, token, *typed))
    except (InputError, ConflictError, StoreError) as error:
        return add_retry_time(_render(request, index, token, error, form), error)
    return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)


def _render(
    request: Request, index: Index, token: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    return render_visit_page(
        request,
        index,
        "first_account.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        here="first-account",
        token=token,
        form=form or Form({}),
        longest=MAX_FULL_NAME_LENGTH,
        shortest=MIN_LENGTH,
        error=None if error is None else str(error),
    )
