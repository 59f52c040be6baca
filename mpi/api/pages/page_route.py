"""Routes whose errors are shown as HTML pages."""

from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import PageRedirect, require_signed_in
from mpi.api.pages.session.page_context import create_visit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.problems import REQUEST_ID, find_status, log_unexpected, problem_from_error
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import AccessDenied, MpiError, NotFoundError

_OTHER_STATUS = HTTPStatus.BAD_REQUEST


class PageRoute(ModelReloadRoute):
    """Route of an HTML page, whose errors are shown as pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the page's request handler, which turns errors into pages."""
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answer(request)
            except RequestValidationError:
                return await run_in_threadpool(render_error, request, NotFoundError("there is no such page"))
            except MpiError as error:
                if find_status(error)[0] == HTTPStatus.INTERNAL_SERVER_ERROR:
                    log_unexpected(error, request.scope[REQUEST_ID])
                return await run_in_threadpool(_render_recorded_error, request, error)
            except PageRedirect:
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a page
                log_unexpected(error, request.scope[REQUEST_ID])
                return await run_in_threadpool(render_error, request, error)

        return handler


def install(app: FastAPI) -> None:
    """Answer unknown addresses: browsers with a page, programs with JSON."""
    api_handler = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def _nowhere(request: Request, error: HTTPException) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "")
        if error.status_code == HTTPStatus.NOT_FOUND and wants_page:
            return await run_in_threadpool(render_error, request, NotFoundError("there is no such page"))
        answer = api_handler(request, error)
        return await answer if isinstance(answer, Awaitable) else answer


def _render_recorded_error(request: Request, error: MpiError) -> Response:
    """Record a refusal of the policy, and render the error as page."""
    try:
        record_denied_call(request.app.state.index, error)
    except MpiError as failure:
        return render_error(request, failure)
    return render_error(request, error)


def render_error(request: Request, error: Exception) -> Response:
    """Render an error as a page, without any value of a record."""
    problem = problem_from_error(error)
    status = HTTPStatus(problem["status"])
    texts = load_words().error
    title = texts.maybe(f"title_{status.value}") or texts[f"title_{_OTHER_STATUS.value}"]
    help_text = texts.maybe(f"help_{status.value}") or texts[f"help_{_OTHER_STATUS.value}"]
    index = request.app.state.index
    try:
        visit = create_visit(request, index, require_signed_in(request, index))
    except (PageRedirect, MpiError):
        visit = create_visit(request, index, None)
    # The policy's message names action codes; the help text says the same in plain words.
    detail = "" if isinstance(error, AccessDenied) and "may not do" in str(error) else problem["detail"]
    retry_path = request.url.path if request.method == "GET" and status == HTTPStatus.CONFLICT else None
    return render_page(
        "error.html", status, visit=visit, title=title, detail=detail, help=help_text, again=retry_path
    )
