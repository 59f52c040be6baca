"""Request bodies that were sent compressed (``Content-Encoding: gzip``).

A body is decompressed in bounded parts, as its reader asks for them. The reader counts the decompressed
bytes, so that every limit of a body is the same for a compressed one.
"""

import zlib

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from mpi.api.request.problems import EncodingError, TooLargeError
from mpi.domain.errors import InputError

MAX_RATIO = 100
"""Most decompressed bytes for each byte that arrived; records compress to a tenth."""
FREE_BYTES = 1_000_000
"""Decompressed bytes up to which the ratio does not count."""
_PART_BYTES = 65_536
"""Most decompressed bytes in memory at a time."""
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_PLAIN_NAMES = frozenset({"", "identity"})
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_BROKEN = "the body is not complete gzip data"


def decompress_request(scope: Scope, receive: Receive) -> Receive:
    """Return a channel that gives the request body decompressed.

    The channel raises errors when the body is read, so that who may not call a route learns nothing of it.
    """
    encoding = Headers(scope=scope).get("content-encoding", "").strip().lower()
    if encoding in _PLAIN_NAMES:
        return receive
    return _GzipBody(receive, is_gzip=encoding in _GZIP_NAMES).receive


class _GzipBody:
    """A compressed request body, read in decompressed parts.

    Args:
        receive: gives the body as it arrives.
        is_gzip: whether the body is in the one format that is read.
    """

    def __init__(self, receive: Receive, *, is_gzip: bool) -> None:
        self._receive = receive
        self._is_gzip = is_gzip
        self._decompressor = zlib.decompressobj(_GZIP_FORMAT)
        self._compressed = b""
        self._has_more = True
        self._is_at_end = False
        self._received_bytes = self._produced_bytes = 0

    async def receive(self) -> Message:
        """Return the next decompressed part of the body.

        Raises:
            EncodingError: the body has another format than gzip.
            TooLargeError: far more bytes come out than arrived.
            InputError: the body is not complete gzip data.
        """
        if self._is_at_end:
            return await self._receive()
        if not self._is_gzip:
            raise EncodingError("send the body as it is, or compressed with Content-Encoding: gzip")
        while True:
            part = self._decompress()
            if part:
                return {"type": "http.request", "body": part, "more_body": True}
            if self._compressed:
                continue  # an empty member has ended, and another follows
            if not self._has_more:
                return self._end()
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._compressed = message.get("body", b"")
            self._received_bytes += len(self._compressed)
            self._has_more = message.get("more_body", False)

    def _decompress(self) -> bytes:
        """Return one decompressed part; empty until more arrives.

        Raises:
            TooLargeError: far more bytes come out than arrived.
            InputError: the data is damaged.
        """
        if self._decompressor.eof and self._compressed:
            # A file that was written in several steps has several members (RFC 1952).
            self._decompressor = zlib.decompressobj(_GZIP_FORMAT)
        try:
            part = self._decompressor.decompress(self._compressed, _PART_BYTES)
        except zlib.error:
            raise InputError(_BROKEN) from None
        self._compressed = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        self._produced_bytes += len(part)
        if self._produced_bytes > max(FREE_BYTES, MAX_RATIO * self._received_bytes):
            raise TooLargeError(f"a compressed body has at most {MAX_RATIO} times the bytes that are sent")
        return part

    def _end(self) -> Message:
        """Return the end of the body.

        Raises:
            InputError: the data ends before its end, or something follows it.
        """
        if self._received_bytes and not self._decompressor.eof:
            raise InputError(_BROKEN)
        self._is_at_end = True
        return {"type": "http.request", "body": b"", "more_body": False}
