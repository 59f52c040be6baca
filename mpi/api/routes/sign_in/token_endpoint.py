"""Token endpoint of OAuth 2.0 for API clients (RFC 6749, client credentials).

It answers in the form of that standard, errors too, since the libraries of clients expect it.
"""

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, read_form
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.service.access.access_tokens import issue_access_token

router = APIRouter(include_in_schema=False)

_GRANT = "client_credentials"
_BASIC = "basic "
_PARAMETERS = ("grant_type", "client_id", "client_secret", "scope", "client_assertion")
_MAX_SCOPES = 200


class OAuthError(Exception):
    """Refusal of a token request.

    Args:
        code: error code of RFC 6749, section 5.2.
        description: what was wrong and what to do.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class _Client:
    """Name and key that a client shows."""

    name: str
    key: str


@router.post("/oauth/token")
async def post_token(request: Request, index: IndexDep) -> Response:
    """Issue a short-lived access token to an API client."""
    try:
        form = await read_form(request)
        client = _read_client(request, form)
        scopes = _read_grant(form)
        token = await run_in_threadpool(issue_access_token, index, client.name, client.key, scopes)
    except OAuthError as error:
        return _refuse(error.code, error.description)
    except NotAuthenticated as error:
        return _refuse("invalid_client", str(error))
    except InputError as error:
        return _refuse("invalid_scope" if str(error).startswith("scope") else "invalid_request", str(error))
    return _answer(
        HTTPStatus.OK,
        {
            "access_token": token.token,
            "token_type": "Bearer",
            "expires_in": token.lifetime_s,
            "scope": " ".join(token.scopes),
        },
    )


def _read_grant(form: Form) -> list[str]:
    """Return the scopes of a request for a token.

    Raises:
        OAuthError: another grant is asked for, or a parameter is repeated.
    """
    if any(len(form.texts(name)) > 1 for name in _PARAMETERS):
        raise OAuthError("invalid_request", "send each parameter once")
    grant = form.optional_text("grant_type")
    if grant is None:
        raise OAuthError("invalid_request", f"send grant_type={_GRANT}")
    if grant != _GRANT:
        raise OAuthError("unsupported_grant_type", f"the only grant is {_GRANT}")
    scopes = form.raw_text("scope").split()
    if len(scopes) > _MAX_SCOPES:
        raise OAuthError("invalid_scope", "scope: names too many permissions")
    return scopes


def _read_client(request: Request, form: Form) -> _Client:
    """Return the client's name and key, from the header or the form.

    Raises:
        OAuthError: they are missing, in both places or in the URL.
    """
    if request.url.query:
        raise OAuthError("invalid_request", "send everything in the form, nothing in the URL")
    header = request.headers.get("authorization")
    name, key = form.optional_text("client_id"), form.optional_text("client_secret")
    if header is None:
        if name is None or key is None:
            raise OAuthError("invalid_client", "send client and key, by HTTP Basic or in the form")
        return _Client(name, key)
    client = _parse_basic(header)
    if key is not None or name not in (None, client.name):
        raise OAuthError("invalid_request", "send client and key once: by HTTP Basic or in the form")
    return client


def _parse_basic(header: str) -> _Client:
    """Return the client of an HTTP Basic header (RFC 6749, 2.3.1)."""
    if header[: len(_BASIC)].lower() != _BASIC:
        raise OAuthError("invalid_client", "show the key by HTTP Basic")
    try:
        text = base64.b64decode(header[len(_BASIC) :].strip(), validate=True).decode("ascii")
    except ValueError:  # no ASCII, or no base64
        raise OAuthError("invalid_client", "the HTTP Basic header is not base64") from None
    name, _, key = text.partition(":")
    return _Client(unquote_plus(name), unquote_plus(key))


def _refuse(code: str, description: str) -> Response:
    status = HTTPStatus.UNAUTHORIZED if code == "invalid_client" else HTTPStatus.BAD_REQUEST
    return _answer(status, {"error": code, "error_description": description})


def _answer(status: HTTPStatus, content: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="mpi"'
    return Response(orjson.dumps(content), status, headers, "application/json")
