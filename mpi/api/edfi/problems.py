"""Errors of the Ed-Fi Identities API, in the Ed-Fi ODS/API's form.

An Ed-Fi API answers problem details (RFC 9457) with a ``type`` of its own, a ``correlationId`` and lists of
errors. What an identity system cannot do is answered with 502 and ``IdentitySystemErrors``
(``mpi.api.edfi.outcomes``).
"""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from mpi.api.edfi.outcomes import Outcome, respond_to_failure
from mpi.api.edfi.schemas import InvalidBodyError
from mpi.api.request.adapter_route import AdapterRoute
from mpi.api.request.problems import (
    MEDIA_TYPE,
    REQUEST_ID,
    find_status,
    headers_of_error,
    log_unexpected,
)
from mpi.domain.errors import AccessDenied, MpiError, RecordError, ReusedKeyError, StoreError
from mpi.service.records.identities import NoIdentitySourceError
from mpi.service.records.identity_batches import TooManyBatchesError

PROBLEM_PREFIX = "urn:ed-fi:api:"
_RETRY_LATER = {"Retry-After": "2"}
KINDS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad-request:data-validation-failed", "Data Validation Failed", "The request is not valid."),
    401: ("security:authentication", "Authentication Failed", "The caller could not be authenticated."),
    403: ("security:authorization", "Authorization Denied", "The caller may not do this."),
    404: ("not-found", "Not Found", "There is no such identity that the caller may see."),
    409: ("conflict", "Conflict", "The present state of the index does not allow this."),
    413: ("content-too-large", "Content Too Large", "The request body is too large."),
    429: ("too-many-requests", "Too Many Requests", "The client has to wait before it asks again."),
    501: ("not-implemented", "Not Implemented", "This server does not offer this function to the caller."),
}
"""Tail of the type, title and detail of a problem, by status."""

_STATUSES: Mapping[type[MpiError], HTTPStatus] = {
    TooManyBatchesError: HTTPStatus.TOO_MANY_REQUESTS,
    RecordError: HTTPStatus.BAD_REQUEST,
    ReusedKeyError: HTTPStatus.BAD_REQUEST,
    NoIdentitySourceError: HTTPStatus.NOT_IMPLEMENTED,
}
"""Status of errors whose status differs from that of ``/v1``."""


class EdfiProblem(BaseModel):
    """Problem details in Ed-Fi form."""

    model_config = ConfigDict(extra="allow")

    detail: str = Field(description="What went wrong, for a person.")
    type: str = Field(description="`urn:ed-fi:api:` and a stable code.")
    title: str = Field(description="Kind of problem.")
    status: int = Field(description="The status of the answer.")
    correlationId: str | None = Field(None, description="ID of the call in the server's log.")  # noqa: N815
    errors: list[str] | None = Field(None, description="What was wrong, and what to do.")
    validationErrors: dict[str, list[str]] | None = Field(  # noqa: N815
        None, description="What is wrong with the body, by JSON path."
    )
    reason: str | None = Field(None, description="Stable code of the reason why the policy refused.")


def build_problem(
    request: Request,
    status: int,
    *,
    errors: list[str] | None = None,
    validation_errors: Mapping[str, list[str]] | None = None,
    reason: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the response of an error in Ed-Fi form.

    Args:
        request: the call.
        status: a status of ``KINDS``; another has the form of status 409.
        errors: what was wrong; holds no value of a student.
        validation_errors: what is wrong with the body, by JSON path.
        reason: stable code of the reason for which the policy refused.
        headers: further headers.
    """
    code, title, detail = KINDS.get(status, KINDS[HTTPStatus.CONFLICT])
    problem: dict[str, object] = {
        "detail": detail,
        "type": PROBLEM_PREFIX + code,
        "title": title,
        "status": status,
        "correlationId": request.scope[REQUEST_ID],
    }
    if validation_errors:
        problem["validationErrors"] = validation_errors
    if errors:
        problem["errors"] = errors
    if reason is not None:
        problem["reason"] = reason
    return Response(orjson.dumps(problem), status, dict(headers or {}), MEDIA_TYPE)


class EdfiRoute(AdapterRoute):
    """Route whose errors are answered in Ed-Fi form."""

    def build_parameter_error(self, request: Request, error: RequestValidationError) -> Response:  # noqa: ARG002 - it may quote
        """Build the problem of a parameter that a route does not have."""
        sentence = "the URL has a parameter that this route does not have"
        return build_problem(request, HTTPStatus.BAD_REQUEST, errors=[sentence])

    def build_error(self, request: Request, error: MpiError) -> Response:
        """Build the problem of an error."""
        if isinstance(error, InvalidBodyError):
            return build_problem(request, HTTPStatus.BAD_REQUEST, validation_errors=error.errors)
        return _build_response(request, error)


def _build_response(request: Request, error: MpiError) -> Response:
    status = _find_status(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        if not isinstance(error, StoreError):
            log_unexpected(error, request.scope[REQUEST_ID])
        return respond_to_failure(Outcome.of_failure(error), _RETRY_LATER)
    headers: dict[str, str] = dict(headers_of_error(error))
    reason = error.reason if isinstance(error, AccessDenied) else None
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="mpi"'
    if isinstance(error, TooManyBatchesError):
        headers["Retry-After"] = "60"
    return build_problem(request, status, errors=[str(error)], reason=reason, headers=headers)


def _find_status(error: MpiError) -> int:
    """Return the Ed-Fi status of an error."""
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            return status
    return find_status(error)[0]
