"""Pages that sign a person in with an identity provider."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk.sign_in import NextPath, SignInForm, add_retry_time, render_sign_in
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import to_local_path
from mpi.api.pages.session.cookies import (
    delete_flow_token,
    read_flow_token,
    read_sign_in_token,
    set_flow_token,
    set_sign_in_token,
)
from mpi.api.pages.session.page_context import create_visit
from mpi.api.request.authentication import IndexDep
from mpi.api.request.client_address import get_client_network
from mpi.api.request.problems import find_status
from mpi.api.request.sign_in_limiter import SignInLimiter
from mpi.domain.errors import MpiError, NotAuthenticated
from mpi.service.access.single_sign_on import ProviderAnswer, begin_flow, finish_flow, require_provider
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Result = TypeVar("Result")

_SEPARATOR = "|"
"""Ends the flow token in its cookie; the path to open after the sign-in follows."""

Answered = Annotated[str | None, Query()]


def install(app: FastAPI) -> None:
    """Limit concurrent calls of the provider."""
    app.state.provider_limiter = SignInLimiter()


@router.get("/sign-in/provider")
async def show_provider(request: Request, index: IndexDep, next_path: NextPath = "") -> Response:
    """Send the browser to the identity provider."""
    try:
        url, token = await _run_limited(request, partial(begin_flow, index))
    except MpiError as error:
        return _refuse(request, index, "/", error)
    answer = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    set_flow_token(request, answer, f"{token}{_SEPARATOR}{to_local_path(next_path)}")
    return answer


@router.get("/sign-in/answer")
async def show_answer(
    request: Request,
    index: IndexDep,
    code: Answered = None,
    state: Answered = None,
    iss: Answered = None,
) -> Response:
    """Sign in the person whom the provider confirms, and lead on.

    The page leads on by itself. A redirect would carry no cookie, since the provider's site began it.
    """
    token, _, target = (read_flow_token(request) or "").partition(_SEPARATOR)
    next_path = to_local_path(target)
    finish = partial(
        finish_flow,
        index,
        token,
        ProviderAnswer(code, state, iss),
        replaced_token=read_sign_in_token(request),
        address=get_client_network(request.scope),
    )
    try:
        require_provider(index)
        if code is None:
            raise NotAuthenticated(load_words().sign_in.refused)
        session = await _run_limited(request, finish)
    except MpiError as error:
        return _refuse(request, index, next_path, error)
    answer = render_page(
        "signed_in.html",
        visit=create_visit(request, index, None),
        here="sign-in",
        next=next_path,
        refresh=f"0; url={next_path}",
    )
    set_sign_in_token(request, answer, session)
    delete_flow_token(request, answer)
    return answer


async def _run_limited(request: Request, step: Callable[[], Result]) -> Result:
    """Run a step that waits for the provider, few at a time."""
    limiter: SignInLimiter = request.app.state.provider_limiter
    return await limiter.run(get_client_network(request.scope), step)


def _refuse(request: Request, index: Index, next_path: str, error: MpiError) -> Response:
    """Show the sign-in page with the error; the flow has ended."""
    status = find_status(error)[0]
    status = HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED else status
    answer = render_sign_in(request, index, SignInForm(next_path, error=str(error)), status)
    delete_flow_token(request, answer)
    return add_retry_time(answer, error)
