"""uvicorn's protocol on the parser httptools, with limits for each connection."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mpi.api.server.request_bounds import RequestBounds


class BoundedHttpToolsProtocol(RequestBounds, HttpToolsProtocol):
    """HTTP protocol on httptools that limits headers and waiting times."""

    _is_in_body = False

    def is_in_body(self) -> bool:
        """Return whether headers have arrived and the request goes on."""
        return self._is_in_body

    def on_headers_complete(self) -> None:
        """Begin a request whose headers have arrived."""
        self._is_in_body = True
        self.restart_clock()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a body."""
        self.note_progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request that has arrived whole."""
        self._is_in_body = False
        self.restart_clock()
        super().on_message_complete()
