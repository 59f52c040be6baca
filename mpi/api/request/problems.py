"""Errors as RFC 9457 problem responses, and their HTTP statuses."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from mpi.api.request.call_limiter import TooManyCallsError
from mpi.api.request.guess_limiter import TooManyGuessesError
from mpi.api.request.refusals import REFUSALS, record_denied_call
from mpi.api.request.sign_in_limiter import TooManySignInsError
from mpi.domain.errors import (
    AccessDenied,
    AgreementLapsed,
    ClaimedError,
    ConflictError,
    DecisionConflict,
    EidError,
    InputError,
    LoadHeld,
    ModelError,
    MpiError,
    NotAuthenticated,
    NotFoundError,
    RecordError,
    ReusedKeyError,
    SearchLimitError,
    StaleError,
    StoreError,
    describe_origin,
)

MEDIA_TYPE = "application/problem+json"
"""Media type of problem responses (RFC 9457)."""
REQUEST_ID = "mpi.request_id"
"""Key of the request ID in the ASGI scope."""

_log = logging.getLogger("mpi.api")


class TooLargeError(InputError):
    """Error of a request body, or one line, that is too large."""

    code = "too-large"


class EncodingError(InputError):
    """Error of a request body whose compression is not gzip."""

    code = "unsupported-encoding"


class HeadersTooLargeError(InputError):
    """Error of a request whose line and headers are too large together."""

    code = "headers-too-large"


class RequestTimeoutError(InputError):
    """Error of a request whose headers or body arrive too slowly."""

    code = "request-timeout"


class WrongHostError(InputError):
    """Error of a request whose host header does not name this server."""

    code = "wrong-host"


class NotInstalledError(InputError):
    """Error of a call whose optional extra is not installed."""

    code = "not-installed"


STATUS_BY_ERROR: Mapping[type[MpiError], tuple[HTTPStatus, str]] = {
    MpiError: (HTTPStatus.INTERNAL_SERVER_ERROR, "The index could not do what was asked"),
    InputError: (HTTPStatus.BAD_REQUEST, "The request is wrong"),
    EidError: (HTTPStatus.BAD_REQUEST, "Not an enterprise ID"),
    RequestTimeoutError: (HTTPStatus.REQUEST_TIMEOUT, "The request came too slowly"),
    TooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"),
    EncodingError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is compressed in an unknown way"),
    HeadersTooLargeError: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large"),
    WrongHostError: (HTTPStatus.MISDIRECTED_REQUEST, "Another host was meant"),
    NotInstalledError: (HTTPStatus.NOT_IMPLEMENTED, "It is not installed"),
    RecordError: (HTTPStatus.UNPROCESSABLE_ENTITY, "The record is refused"),
    NotAuthenticated: (HTTPStatus.UNAUTHORIZED, "Nobody known is asking"),
    AccessDenied: (HTTPStatus.FORBIDDEN, "The policy does not permit it"),
    NotFoundError: (HTTPStatus.NOT_FOUND, "No such thing"),
    ConflictError: (HTTPStatus.CONFLICT, "The present state does not allow it"),
    AgreementLapsed: (HTTPStatus.CONFLICT, "The agreement is not in force"),
    DecisionConflict: (HTTPStatus.CONFLICT, "It contradicts a decision in force"),
    ClaimedError: (HTTPStatus.CONFLICT, "Somebody else has claimed it"),
    SearchLimitError: (HTTPStatus.TOO_MANY_REQUESTS, "Too many searches"),
    StaleError: (HTTPStatus.PRECONDITION_FAILED, "What was read has changed"),
    ReusedKeyError: (HTTPStatus.UNPROCESSABLE_ENTITY, "The key names another call"),
    LoadHeld: (HTTPStatus.CONFLICT, "The load is held"),
    ModelError: (HTTPStatus.INTERNAL_SERVER_ERROR, "The model cannot be used"),
    TooManyCallsError: (HTTPStatus.TOO_MANY_REQUESTS, "Too many calls at once"),
    TooManySignInsError: (HTTPStatus.TOO_MANY_REQUESTS, "Too many sign-ins at once"),
    TooManyGuessesError: (HTTPStatus.TOO_MANY_REQUESTS, "Too much that does not exist"),
    StoreError: (HTTPStatus.SERVICE_UNAVAILABLE, "The store cannot be used now"),
}
"""HTTP status and title by error class.

A subclass that is not listed has those of its nearest listed ancestor.
"""

_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="mpi"'},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"Accept-Encoding": "gzip"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "2"},
}
_UNEXPECTED = "it was logged under the ID in instance, without any value of the request"

Problem = dict[str, Any]


def find_status(error: MpiError) -> tuple[HTTPStatus, str]:
    """Return HTTP status and title for an error."""
    return next(STATUS_BY_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_BY_ERROR)


def problem_from_error(error: Exception) -> Problem:
    """Convert an error into a problem object, without ``instance``.

    An unexpected error discloses nothing of itself.
    """
    if not isinstance(error, MpiError):
        return _build_problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", "Something went wrong", _UNEXPECTED
        )
    status, title = find_status(error)
    # The message of an internal error may name files of this machine.
    detail = _UNEXPECTED if status == HTTPStatus.INTERNAL_SERVER_ERROR else str(error)
    problem = _build_problem(status, error.code, title, detail)
    if isinstance(error, RecordError):
        problem |= {"field": error.field, "reason": error.reason}
    if isinstance(error, AccessDenied):
        problem |= {"reason": error.reason}
    if isinstance(error, DecisionConflict):
        problem |= {"chain": error.chain}
    if isinstance(error, ClaimedError):
        problem |= {"claimed_by": error.claimed_by, "until": error.until}
    return problem


def response_from_error(error: Exception, request_id: str) -> Response:
    """Convert an error into a problem response."""
    return _build_response(problem_from_error(error), request_id, headers_of_error(error))


def headers_of_error(error: Exception) -> Mapping[str, str]:
    """Return the response headers that depend on the error itself."""
    if isinstance(error, SearchLimitError | TooManyGuessesError):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def respond_to_error(error: MpiError, request_id: str) -> Response:
    """Convert an error into a response, and log an internal one."""
    if find_status(error)[0] == HTTPStatus.INTERNAL_SERVER_ERROR:
        log_unexpected(error, request_id)
    return response_from_error(error, request_id)


async def answer_error(scope: Scope, error: MpiError, request_id: str) -> Response:
    """Convert an error into a response; record first that the policy refused."""
    if isinstance(error, REFUSALS):
        try:
            await run_in_threadpool(record_denied_call, scope["app"].state.index, error)
        except MpiError as failure:
            return respond_to_error(failure, request_id)
    return respond_to_error(error, request_id)


def log_unexpected(error: Exception, request_id: str) -> None:
    """Log the type and place of an unexpected error.

    Its message is left out, because it may hold personal data.
    """
    _log.error("%s %s at %s", request_id, type(error).__name__, describe_origin(error))


def install_error_handlers(app: FastAPI) -> None:
    """Make the application answer every error with a problem response."""

    @app.exception_handler(MpiError)
    async def _answer_error(request: Request, error: MpiError) -> Response:
        return await answer_error(request.scope, error, request.scope[REQUEST_ID])

    @app.exception_handler(RequestValidationError)
    async def _answer_invalid_parameters(request: Request, error: RequestValidationError) -> Response:
        problem = _build_problem(
            HTTPStatus.BAD_REQUEST,
            "invalid-parameter",
            "A parameter is wrong",
            _describe_parameter_errors(error.errors()),
        )
        return _build_response(problem, request.scope[REQUEST_ID])

    @app.exception_handler(HTTPException)
    async def _answer_http_error(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "-")
        problem = _build_problem(status, code, status.phrase, status.description or status.phrase)
        return _build_response(problem, request.scope[REQUEST_ID], error.headers or {})


def _build_problem(status: HTTPStatus, code: str, title: str, detail: str) -> Problem:
    """Build a problem object."""
    return {"type": f"urn:mpi:problem:{code}", "title": title, "status": status.value, "detail": detail}


def _build_response(problem: Problem, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Build the response of a problem object."""
    status = HTTPStatus(problem["status"])
    body = orjson.dumps({**problem, "instance": f"urn:uuid:{request_id}"})
    return Response(body, status, {**_HEADERS.get(status, {}), **(headers or {})}, MEDIA_TYPE)


def _describe_parameter_errors(errors: Sequence[Mapping[str, Any]]) -> str:
    """Describe which parameters are invalid and why.

    Sent values and unknown names are left out, because they may hold personal data.
    """
    messages = []
    for error in errors:
        if error["type"] == "extra_forbidden":
            messages.append("there is a parameter that this route does not have")
        else:
            messages.append(f"{error['loc'][-1]}: {error['msg'].removeprefix('Value error, ')}")
    return "; ".join(dict.fromkeys(messages))
