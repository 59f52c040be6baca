"""Outermost middleware: host check, request limits, security headers, metrics and logging.

Also the last handler of unexpected errors.
"""

import logging
import re
import time
import uuid
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from mpi.api.middleware.conditional_answer import make_conditional
from mpi.api.middleware.fast_path_dispatch import FastPathDispatcher
from mpi.api.middleware.gzip_answer import compress_answer
from mpi.api.middleware.gzip_request import decompress_request
from mpi.api.middleware.metrics import Metrics
from mpi.api.request.call_limiter import EXEMPT_PATHS, CallLimiter, TooManyCallsError
from mpi.api.request.client_address import find_caller, get_client_network
from mpi.api.request.guess_limiter import GuessLimiter, TooManyGuessesError
from mpi.api.request.problems import (
    REQUEST_ID,
    WrongHostError,
    answer_error,
    log_unexpected,
    response_from_error,
)
from mpi.api.request.redisclosure import read_statement
from mpi.api.request.token_clients import TokenClients
from mpi.domain.errors import MpiError
from mpi.domain.security_events import CREDENTIAL_REFUSED, HOST_REFUSED, LIMIT_EXCEEDED, mark_event
from mpi.service.core.index import GuessLimits

if TYPE_CHECKING:
    from mpi.service.identity.token_rules import TrustedIssuer

_log = logging.getLogger("mpi.access")

_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_PORT = re.compile(r":\d{1,5}$")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Browsers open this host by TLS only, for a year (RFC 6797)."""
_REQUEST_ID_HEADER, _CACHE_HEADER = b"x-request-id", b"cache-control"
_ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_OVERRIDDEN_HEADERS = {_REQUEST_ID_HEADER, *(name for name, _ in _ENCODED_HEADERS)}
_NO_ROUTE = "other"
_METHODS = frozenset(HTTPMethod)
_EVENTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: CREDENTIAL_REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: LIMIT_EXCEEDED,
    HTTPStatus.MISDIRECTED_REQUEST: HOST_REFUSED,
}
"""Answers that are security events."""


class RequestMiddleware:
    """Outermost ASGI middleware: checks, limits, answers and logs every request.

    Args:
        app: the wrapped application.
        metrics: counts every request.
        dispatcher: fast paths, tried before the application.
        host_names: names in lower case, besides those of this machine's loopback, that the server answers to.
        guess_limits: most misses of a caller within a minute.
        issuer: issuer whose signed tokens are accepted, if any.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        dispatcher: FastPathDispatcher,
        host_names: frozenset[str] = frozenset(),
        guess_limits: GuessLimits | None = None,
        issuer: "TrustedIssuer | None" = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._dispatcher = dispatcher
        self._limiter = CallLimiter()
        self._guesses = GuessLimiter(guess_limits or GuessLimits())
        self._token_clients = TokenClients(issuer)
        self._host_names = host_names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer and record one HTTP request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _CallState(scope, send)
        bind_contextvars(request_id=call.id)
        try:
            await self._answer(call, scope, receive)
        except Exception as error:  # noqa: BLE001 - the server would log messages, which may hold values
            log_unexpected(error, call.id)
            if not call.has_started:
                await response_from_error(error, call.id)(scope, receive, call.send)
        finally:
            self._record(call, scope)

    async def _answer(self, call: "_CallState", scope: Scope, receive: Receive) -> None:
        """Check the host and the client's request limit, then answer the request."""
        # Against DNS rebinding: a web page can point its own host name at this machine.
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._is_own_host(host) or (scope["path"] in EXEMPT_PATHS and _is_address(host)):
            try:
                path, address = scope["path"], get_client_network(scope)
                client = await self._find_token_client(path, headers, address)
                self._guesses.check(path, headers, address, client)
                async with self._limiter.acquire_slot(path, headers, address, client):
                    await self._dispatch(call, scope, receive)
                self._guesses.note(path, call.status, headers, address, client)
                if client is not None and call.status == HTTPStatus.UNAUTHORIZED:
                    self._token_clients.forget(headers)
            except (TooManyCallsError, TooManyGuessesError) as too_many:
                await response_from_error(too_many, call.id)(scope, receive, call.send)
        else:
            error = WrongHostError(
                "this server answers to localhost, 127.0.0.1 and the names of MPI_ALLOWED_HOSTS only"
            )
            await response_from_error(error, call.id)(scope, receive, call.send)

    async def _find_token_client(self, path: str, headers: Headers, address: str) -> str | None:
        """Return the client of a request's signed token, or None.

        A token that is new is checked first.

        Raises:
            TooManyCallsError: too many requests of the address wait already.
        """
        if path not in EXEMPT_PATHS and self._token_clients.is_unchecked(headers):
            # Until it is checked, the token may be anybody's: its address has to wait for itself.
            async with self._limiter.acquire_slot(path, Headers(), address):
                await self._token_clients.check(headers)
        return self._token_clients.find(headers)

    def _is_own_host(self, host: str) -> bool:
        """Return whether a host header names this server."""
        name = _PORT.sub("", host).lower()
        return name in self._host_names or _LOOPBACK.fullmatch(host) is not None

    async def _dispatch(self, call: "_CallState", scope: Scope, receive: Receive) -> None:
        """Answer a request, bypassing FastAPI where a route can do so."""
        receive = decompress_request(scope, receive)
        try:
            response = await self._dispatcher.dispatch(scope, receive)
        except MpiError as error:
            response = await answer_error(scope, error, call.id)
        answer = compress_answer(response or self._app, scope)
        await answer(scope, receive, make_conditional(scope, call.send))

    def _record(self, call: "_CallState", scope: Scope) -> None:
        """Count and log an answered request with its client, route and latency.

        Paths and queries hold local IDs, so the route's template is logged in their place. A method may be
        any word of the sender, so only the known ones are.
        """
        seconds = time.perf_counter() - call.started_at
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._metrics.record_call(scope["method"], route, call.status, seconds)
        client, milliseconds = find_caller(scope) or "-", round(seconds * 1000, 1)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        facts = {
            "request_id": call.id,
            "client": client,
            "method": method,
            "route": route,
            "status": call.status,
            "ms": milliseconds,
        }
        _log.info(
            "%s %s %s %s %d %.1f ms",
            call.id, client, method, route, call.status, milliseconds,
            extra={"call": facts} | _mark_security_event(call, scope, route),
        )  # fmt: skip


def _is_address(host: str) -> bool:
    """Return whether a host header has an IP address.

    A probe that knows no name sends one. A page can point its own name at this machine, and never an address.
    """
    try:
        ip_address(_PORT.sub("", host).removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _mark_security_event(call: "_CallState", scope: Scope, route: str) -> dict[str, object]:
    """Mark the log line of a call that was refused.

    The cause is its credential, their number or its host name.
    """
    name = _EVENTS.get(call.status)
    if name is None:
        return {}
    address = get_client_network(scope)
    return mark_event(name, find_caller(scope), address, route=route, request_id=call.id)


class _CallState:
    """State of one request: ID, start, status; sends its response messages."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.id = str(uuid.uuid4())
        self.started_at = time.perf_counter()
        self.status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        self.has_started = False
        self._send = send
        self._scope = scope
        scope[REQUEST_ID] = self.id

    async def send(self, message: Message) -> None:
        """Send a response message, with security headers and the request ID."""
        if message["type"] == "http.response.start":
            self.has_started, self.status = True, message["status"]
            headers = [
                header
                for header in message.get("headers", ())
                if header[0].lower() not in _OVERRIDDEN_HEADERS
            ]
            if not any(name.lower() == _CACHE_HEADER for name, _ in headers):
                headers.append((_CACHE_HEADER, b"no-store"))
            message["headers"] = [
                *headers,
                *_ENCODED_HEADERS,
                (_REQUEST_ID_HEADER, self.id.encode()),
                *read_statement(self._scope),
            ]
            if self._scope.get("scheme") == "https":
                message["headers"].append(_STRICT_TRANSPORT)
        await self._send(message)
