"""Front of the sandbox, which marks answers, logs calls and injects errors.

The injected errors are 429 and 503.
"""

import time
import zlib
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpi.api.pages.session.page_context import IS_SANDBOX
from mpi.api.request.call_limiter import TooManyCallsError, read_key
from mpi.api.request.problems import response_from_error
from mpi.domain.errors import MpiError, NotFoundError, StoreError
from mpi.sandbox.call_log import Call, CallKind, CallLog, CallRoute, FeedRead, find_route, normalize_eid
from mpi.sandbox.magic_records import MagicName, find_magic_name
from mpi.sandbox.report import describe_scenarios, make_report
from mpi.sandbox.sandbox_index import VENDOR, Sandbox
from mpi.sandbox.steward import Steward
from mpi.sandbox.webhook_forgery import send_forgery
from mpi.service.access.client_authentication import authenticate

HEADER = (b"x-sandbox", b"true")
RETRY_AFTER_S = 2
"""Seconds that an injected answer asks to wait."""
_MAX_BYTES = 1_000_000
"""Bytes of a body that are looked at."""
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_OWN_PATHS = "/sandbox/"
_INJECTED: dict[MagicName, HTTPStatus] = {
    MagicName.LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    MagicName.DOWN: HTTPStatus.SERVICE_UNAVAILABLE,
}


class SandboxGateway:
    """ASGI application in front of the index's own.

    Args:
        app: the application of the index.
        sandbox: the sandbox.
        steward: its steward.
        log: log of the vendor's calls.
        retry_after_s: seconds that an injected answer asks to wait.
    """

    def __init__(
        self,
        app: ASGIApp,
        sandbox: Sandbox,
        steward: Steward,
        log: CallLog,
        retry_after_s: int = RETRY_AFTER_S,
    ) -> None:
        self._app = app
        self._sandbox = sandbox
        self._steward = steward
        self._log = log
        self._retry_after_s = retry_after_s
        self._injected: set[MagicName] = set()
        self._was_duplicate_changed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and log it if a scenario asks for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        scope[IS_SANDBOX] = True

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), HEADER]
            await send(message)

        headers = Headers(scope=scope)
        if scope["path"].startswith(_OWN_PATHS):
            response = await run_in_threadpool(self._answer_own, scope["method"], scope["path"], headers)
            await response(scope, receive, mark)
            return
        path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
        route = find_route(scope["method"], path)
        if route is None or not await run_in_threadpool(self._is_vendor, headers):
            await self._app(scope, receive, mark)
            return
        await self._answer_logged(route, scope, receive, mark)

    def _is_vendor(self, headers: Headers) -> bool:
        """Return whether the vendor's client asks, by key or by token."""
        try:
            return authenticate(self._sandbox.index, read_key(headers), None).client == VENDOR
        except MpiError:
            return False  # the application says why

    def _answer_own(self, method: str, path: str, headers: Headers) -> Response:
        """Answer one of the sandbox's own paths."""
        request_id = str(uuid4())
        try:
            authenticate(self._sandbox.index, read_key(headers), None)
            if method != "GET" or path not in {"/sandbox/scenarios", "/sandbox/report"}:
                raise NotFoundError("the sandbox has GET /sandbox/scenarios and GET /sandbox/report")
        except MpiError as error:
            return response_from_error(error, request_id)
        if path == "/sandbox/scenarios":
            content: list[dict[str, Any]] = describe_scenarios()
        else:
            content = make_report(self._log.read(), self._steward)
        return Response(
            orjson.dumps(content), media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    async def _answer_logged(self, route: CallRoute, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call of the vendor's program, and log it."""
        began_at = time.monotonic()
        headers = Headers(scope=scope)
        sent, replay = await _read_body(receive)
        body = _decompress(sent, headers)
        name = find_magic_name(body)
        exchange = _Exchange(send)
        await self._prepare(route, headers, body)
        status = self._choose_injection(route, name)
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            await self._inject(status, scope, receive, exchange.send)
        elif status is HTTPStatus.SERVICE_UNAVAILABLE:
            await self._app(scope, replay, exchange.discard)
            await self._inject(status, scope, receive, exchange.send)
        else:
            await self._app(scope, replay, exchange.send)
        call = Call(
            route,
            began_at,
            time.monotonic(),
            exchange.status,
            name,
            idempotency_key=headers.get("idempotency-key"),
            if_match=headers.get("if-match"),
            retry_after_s=exchange.retry_after_s,
        )
        self._log.add(await run_in_threadpool(self._complete, call, scope, exchange.read_json()))
        await exchange.finish()

    async def _prepare(self, route: CallRoute, headers: Headers, body: bytes) -> None:
        """Change a record just before the first merge of duplicates.

        Only a merge that names what was read counts.
        """
        if route.kind is CallKind.MERGE and headers.get("if-match") and not self._was_duplicate_changed:
            self._was_duplicate_changed = await run_in_threadpool(self._change_duplicate, body)

    def _change_duplicate(self, body: bytes) -> bool:
        """Change one of the duplicates, if a merge names them."""
        try:
            eids = {normalize_eid(str(eid)) for eid in orjson.loads(body)["eids"]}
        except (ValueError, TypeError, KeyError):
            return False
        if not self._steward.is_duplicate(eids):
            return False
        self._steward.change_duplicate()
        return True

    def _choose_injection(self, route: CallRoute, name: MagicName | None) -> HTTPStatus | None:
        """Return the status to inject, if any, once for each magic name."""
        if route.kind is not CallKind.SEND or name not in _INJECTED or name in self._injected:
            return None
        self._injected.add(name)
        return _INJECTED[name]

    async def _inject(self, status: HTTPStatus, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a problem of the sandbox's own making."""
        error: MpiError = (
            TooManyCallsError("the sandbox lets this client wait: send the same again after Retry-After")
            if status is HTTPStatus.TOO_MANY_REQUESTS
            else StoreError("the sandbox lost the answer: send the same again after Retry-After")
        )
        request_id = str(uuid4())
        response = response_from_error(error, request_id)
        response.headers["Retry-After"] = str(self._retry_after_s)
        response.headers["X-Request-Id"] = request_id
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    def _complete(self, call: Call, scope: Scope, answer: Any) -> Call:  # noqa: ANN401 - any JSON
        """Return a call with what its answer says."""
        values = answer if isinstance(answer, dict) else {}
        route = call.route
        match route.kind:
            case CallKind.FEED if call.is_done and "generation" in values:
                query = parse_qs(scope["query_string"].decode("latin-1"))
                after = int(query.get("after", ["0"])[-1])
                feed = FeedRead(after, values["generation"], values["cursor"], len(values["events"]))
                return replace(call, feed=feed)
            case CallKind.SEND:
                return replace(call, enterprise_id=values.get("enterprise_id"), outcome=values.get("outcome"))
            case CallKind.LOOK_UP if route.enterprise_id is None:
                named = replace(route, source=values.get("source"), local_id=values.get("local_id"))
                return replace(call, route=named, enterprise_id=values.get("enterprise_id"))
            case CallKind.LOOK_UP:
                return replace(call, enterprise_id=route.enterprise_id)
            case CallKind.WEBHOOK_TEST if values.get("is_delivered") and route.webhook is not None:
                refused = send_forgery(self._sandbox.index, route.webhook)
                return replace(call, is_forgery_refused=refused)
        return call


class _Exchange:
    """Answer that passes through, with what the log needs of it.

    Its last message waits until the call is on the log: a report that is read afterwards counts it.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._body = bytearray()
        self._last: Message | None = None
        self._headers = Headers()
        self.status = 0
        self.retry_after_s: int | None = None

    async def send(self, message: Message) -> None:
        """Pass a message on, and keep what the log needs."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = Headers(raw=message["headers"])
            retry_after = self._headers.get("retry-after", "")
            self.retry_after_s = int(retry_after) if retry_after.isdecimal() else None
        elif len(self._body) <= _MAX_BYTES:
            self._body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._last = message
        else:
            await self._send(message)

    async def finish(self) -> None:
        """Send the last message."""
        if self._last is not None:
            await self._send(self._last)

    async def discard(self, message: Message) -> None:
        """Drop a message: the answer is lost on its way."""

    def read_json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the answer's JSON; None for another one."""
        try:
            return orjson.loads(_decompress(bytes(self._body), self._headers))
        except ValueError:
            return None


def _decompress(body: bytes, headers: Headers) -> bytes:
    """Return the first bytes of a body before compression.

    Of a damaged body, there are none.
    """
    if headers.get("content-encoding", "").strip().lower() != "gzip":
        return body
    try:
        return zlib.decompressobj(_GZIP_FORMAT).decompress(body, _MAX_BYTES)
    except zlib.error:
        return b""


async def _read_body(receive: Receive) -> tuple[bytes, Receive]:
    """Return a body's first bytes, and a function to replay it."""
    messages: list[Message] = []
    body = bytearray()
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > _MAX_BYTES:
            break
    pending = iter(messages)

    async def replay() -> Message:
        message = next(pending, None)
        return await receive() if message is None else message

    return bytes(body[:_MAX_BYTES]), replay
