"""Compression of answers on routes where it gives no secret away.

Who can put text into an answer and see its compressed size learns whether the text stands elsewhere in that
answer (the BREACH attack). So answers are compressed on the listed routes only: no call puts text into them,
and no browser sends a session to them. An answer with an ETag stays as it is, since its ETag names its bytes.
"""

import re
from http import HTTPMethod, HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMPRESSED_ROUTES = frozenset({
    "/openapi.json",
    "/metrics",
    "/style.css",
    "/desk.js",
    "/icon.svg",
    "/docs/{name}",
    "/fhir/metadata",
    "/v1/events",
    "/v1/agreements",
    "/v1/agreements/{code}",
    "/v1/agreements/{code}/history",
    "/v1/purposes",
    "/v1/legal-bases",
    "/v1/jobs",
    "/v1/recluster-runs",
    "/v1/recluster-runs/{number}",
    "/v1/holds",
    "/v1/quality",
    "/v1/quality/forecast",
})  # fmt: skip
"""Templates of the routes whose answers to GET are compressed."""
MIN_BYTES = 1_000
"""Smallest answer that is compressed; a smaller one fits one network packet anyway."""
_LEVEL = 5
_CODINGS = ("gzip", "x-gzip", "*")
"""Names of the coding in ``Accept-Encoding``, the most specific first."""
_ZERO = re.compile(r"0(\.0*)?")


def compress_answer(app: ASGIApp, scope: Scope) -> ASGIApp:
    """Return the application, with its answer compressed if the caller accepts that."""
    if scope["method"] != HTTPMethod.GET or not accepts_gzip(Headers(scope=scope).get("accept-encoding", "")):
        return app
    return _SelectiveResponder(app, MIN_BYTES, _LEVEL)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header permits gzip (RFC 9110, 12.5.3)."""
    weights = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameter = item.partition(";")
        weights[name.strip()] = parameter.replace(" ", "").removeprefix("q=")
    weight = next((weights[name] for name in _CODINGS if name in weights), "0")
    return _ZERO.fullmatch(weight) is None


class _SelectiveResponder(GZipResponder):
    """Compresses the answer of one request, if its route is listed."""

    _is_listed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._scope = scope
        await super().__call__(scope, receive, send)

    async def send_with_compression(self, message: Message) -> None:
        """Send a message of the answer, compressed if the route is listed."""
        if message["type"] == "http.response.start":
            self._is_listed = (
                message["status"] == HTTPStatus.OK
                and getattr(self._scope.get("route"), "path", self._scope["path"]) in COMPRESSED_ROUTES
                and "etag" not in Headers(raw=message.get("headers", []))
            )
        if self._is_listed:
            await super().send_with_compression(message)
        else:
            await self.send(message)
