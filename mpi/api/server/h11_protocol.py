"""uvicorn's protocol on the parser h11, with limits for each connection."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mpi.api.server.request_bounds import RequestBounds


class BoundedH11Protocol(RequestBounds, H11Protocol):
    """HTTP protocol on h11 that limits headers and waiting times."""

    def is_in_body(self) -> bool:
        """Return whether headers have arrived and the request goes on."""
        return self.conn.their_state is h11.SEND_BODY

    def handle_events(self) -> None:
        """Handle what h11 has parsed, and note what has ended."""
        stage, body_bytes = self._get_stage(), self._count_body_bytes()
        super().handle_events()
        if self._get_stage() != stage:
            self.restart_clock()
        elif self.conn.our_state is h11.DONE or self._count_body_bytes() > body_bytes:
            # The body of a request that is answered already is dropped.
            self.note_progress()

    def _get_stage(self) -> tuple[object, object]:
        """Return the latest request and which parts of it have arrived."""
        return self.cycle, self.conn.their_state

    def _count_body_bytes(self) -> int:
        """Count the bytes of the body that wait for the application."""
        return 0 if self.cycle is None else len(self.cycle.body)
