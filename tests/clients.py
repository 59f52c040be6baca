"""Clients of the index for tests: both kinds through one interface, and a server that fails on purpose."""

import asyncio
import inspect
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mpi.client import AsyncClient, Client, RetryPolicy
from tests.unit.api.live import PLAIN

KINDS = ("sync", "async")
QUICK = RetryPolicy(attempts=3, first_pause_s=0.001)
"""Retries as always, with pauses that a test does not notice."""


class BlockingClient:
    """An asynchronous client whose methods are called like those of the synchronous one."""

    def __init__(self, *arguments, **options):
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **options)
        self._is_closed = False

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*arguments, **options):
            result = method(*arguments, **options)
            return self._runner.run(result) if inspect.iscoroutine(result) else self._iterate(result)

        return call

    def _iterate(self, values):
        """Yield what an asynchronous iterator yields."""

        async def step():
            return await anext(values)

        try:
            while True:
                try:
                    value = self._runner.run(step())
                except StopAsyncIteration:
                    return
                yield value
        finally:
            self._runner.run(values.aclose())

    def close(self):
        """Close the client and its event loop; closing again does nothing."""
        if not self._is_closed:
            self._runner.run(self._client.close())
            self._runner.close()
            self._is_closed = True


def open_client(kind, url, credentials, **options):
    """Open a client of a kind, with quick retries and without TLS."""
    make = Client if kind == "sync" else BlockingClient
    return make(url, credentials, **{"tls": PLAIN, "retry": QUICK, **options})


@dataclass
class Reaction:
    """What the server of faults does with one request.

    Args:
        status: status of the answer; None closes the connection without one.
        body: JSON of the answer, or its bytes.
        headers: further headers.
        missing_bytes: bytes by which the answer is shorter than it says, before the connection is closed.
    """

    status: int | None = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    missing_bytes: int = 0


CLOSE = Reaction(None)


def busy(status, retry_after="0"):
    """Return a reaction that asks to come back later."""
    return Reaction(status, {}, {"Retry-After": retry_after})


class FaultServer(ThreadingHTTPServer):
    """A server that reacts to one request after another as it was told; then it repeats the last reaction.

    ``requests`` holds method, path, headers and body of each request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _FaultHandler)
        self.reactions, self.requests = [], []

    @property
    def url(self):
        """Address of the server."""
        return f"http://127.0.0.1:{self.server_port}"

    def react(self, *reactions):
        """Set the reactions to the next requests."""
        self.reactions[:], self.requests[:] = reactions, []


class _FaultHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        """Read the request and react to it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        reactions = self.server.reactions
        reaction = reactions.pop(0) if len(reactions) > 1 else reactions[0]
        if reaction.status is None:
            self.close_connection = True
            return
        content = reaction.body if isinstance(reaction.body, bytes) else json.dumps(reaction.body).encode()
        self.send_response(reaction.status)
        for name, value in {**reaction.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) - reaction.missing_bytes])
        self.close_connection = self.close_connection or reaction.missing_bytes > 0

    do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - names of the library

    def log_message(self, *_):
        """Log nothing."""


@contextmanager
def fault_server():
    """Run a server of faults."""
    server = FaultServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
