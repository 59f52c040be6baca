"""Limits of a connection: bytes and seconds of headers, progress of bodies.

With httptools, uvicorn has none of these limits; with h11 it has the first. Its protocol classes are
subclassed here, so that parsing, keep-alive and flow control stay uvicorn's.
"""

import asyncio
import logging
import uuid
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.responses import Response
from uvicorn.protocols.http.flow_control import FlowControl

from mpi.api.request.problems import HeadersTooLargeError, RequestTimeoutError, response_from_error
from mpi.api.server.server_config import MAX_HEADER_BYTES, ServerConfig
from mpi.domain.errors import InputError

MIN_BODY_BYTES = 100
"""Fewest bytes that an unfinished body brings in one time-out; a record has more."""
LINGER_S = 1.0
"""Seconds for which a refused client may read the answer, while what it sends is dropped.

To close at once would reset the connection, and the client would lose the answer.
"""

_log = logging.getLogger("mpi.access")


class RequestBounds(asyncio.Protocol):
    """Mixin that limits what a connection of uvicorn may send.

    A subclass names one of uvicorn's protocol classes as its second base. It calls ``note_progress`` for each
    part of a request, and ``restart_clock`` where headers or a request end.
    """

    config: uvicorn.Config
    """Of the class ``ServerConfig``."""
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    cycle: Any
    """The latest request with its response, of uvicorn's class; None before the first."""

    _unparsed_bytes = 0
    """Bytes since the latest end of headers, part of a body, or end of a request."""
    _received_bytes = 0
    """Bytes since the clock was started."""
    _clock: asyncio.TimerHandle | None = None
    _is_refused = False

    def is_in_body(self) -> bool:
        """Return whether headers have arrived and the request goes on."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give a new connection its time for the first headers."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock of a connection that has ended."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, in parts within the limit of headers."""
        if self._is_refused:
            return
        self._received_bytes += len(data)
        while data and not self._is_refused and not self.transport.is_closing():
            size = MAX_HEADER_BYTES - self._unparsed_bytes
            part, data = data[:size], data[size:]
            self._unparsed_bytes += len(part)
            super().data_received(part)
            if self.flow.read_paused:
                # The server does not read on: what it holds is complete, or waits its turn.
                self._unparsed_bytes = 0
            if self._unparsed_bytes >= MAX_HEADER_BYTES:
                self._refuse(
                    HeadersTooLargeError(
                        f"the request line and the headers have at most {MAX_HEADER_BYTES:,} bytes together"
                    )
                )
        is_unfinished = self.is_in_body() or self._unparsed_bytes > 0
        if self._clock is None and is_unfinished and not self._is_refused:
            self._start_clock()

    def note_progress(self) -> None:
        """Note that the bytes so far were understood."""
        self._unparsed_bytes = 0

    def restart_clock(self) -> None:
        """Start a new time limit after the headers or a request."""
        self.note_progress()
        self._stop_clock()

    @property
    def _timeout_s(self) -> float:
        return cast("ServerConfig", self.config).request_timeout_s

    def _start_clock(self) -> None:
        self._received_bytes = 0
        self._clock = self.loop.call_later(self._timeout_s, self._check_clock)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _check_clock(self) -> None:
        """Refuse a request with late headers, or whose body has stopped."""
        self._clock = None
        if self._is_refused or self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        is_server_late = self.flow.read_paused or (is_answering and not self.is_in_body())
        has_progress = self.is_in_body() and self._received_bytes >= MIN_BODY_BYTES
        if is_server_late or has_progress:
            self._start_clock()
        elif self._received_bytes or self.is_in_body():
            self._refuse(
                RequestTimeoutError(
                    f"the headers, or the next {MIN_BODY_BYTES} bytes of the body, took longer than "
                    f"{self._timeout_s:g} seconds"
                )
            )
        else:
            # A connection without a request, such as a browser opens ahead.
            self.transport.close()

    def _refuse(self, error: InputError) -> None:
        """Answer a request with a problem, then close the connection."""
        self._is_refused = True
        self._stop_clock()
        has_answered_partly = False
        if self.cycle is not None and not self.cycle.response_complete:
            # The application learns of a disconnect; what it still sends is dropped.
            has_answered_partly = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if has_answered_partly:
            self.transport.abort()
            return
        request_id = str(uuid.uuid4())
        answer = response_from_error(error, request_id)
        _log.info("%s refused: %s %d", request_id, error.code, answer.status_code)
        self.transport.write(_encode(answer, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)


def _encode(answer: Response, request_id: str) -> bytes:
    """Encode a response that ends its connection."""
    status = HTTPStatus(answer.status_code)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}".encode(),
        *(name + b": " + value for name, value in answer.raw_headers),
        f"x-request-id: {request_id}".encode(),
        b"connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body)
