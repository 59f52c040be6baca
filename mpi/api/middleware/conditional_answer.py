"""Answers to conditional reads (``If-None-Match``): 304 if the caller has them already.

The read is done and is on the ledger as any other, since 304 tells that nothing changed.
"""

from http import HTTPMethod, HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from mpi.api.entity_tags import add_digest, matches_any

_BODY_HEADERS = ("content-length", "content-type")


def make_conditional(scope: Scope, send: Send) -> Send:
    """Return a channel that completes ETags and answers 304.

    Only answers to GET that have an ETag are changed.
    """
    if scope["method"] != HTTPMethod.GET:
        return send
    return _ConditionalAnswer(send, Headers(scope=scope).get("if-none-match")).send


class _ConditionalAnswer:
    """One answer, held back until complete if it has an ETag.

    Args:
        send: sends the answer on.
        if_none_match: tags of the answers that the caller has; None if it named none.
    """

    def __init__(self, send: Send, if_none_match: str | None) -> None:
        self._send = send
        self._if_none_match = if_none_match
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send a message of the answer, or 304 in place of all."""
        if message["type"] == "http.response.start" and _has_etag(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        """Send the complete answer, or 304 in place of it."""
        headers = MutableHeaders(raw=start["headers"])
        headers["etag"] = add_digest(headers["etag"], self._body)
        if self._if_none_match is not None and matches_any(headers["etag"], self._if_none_match):
            start["status"], self._body = HTTPStatus.NOT_MODIFIED.value, b""
            for name in _BODY_HEADERS:
                del headers[name]
        start["headers"] = headers.raw
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body, "more_body": False})


def _has_etag(start: Message) -> bool:
    """Return whether a message begins a complete answer that has an ETag."""
    return start["status"] == HTTPStatus.OK and any(
        name.lower() == b"etag" for name, _ in start.get("headers", ())
    )
