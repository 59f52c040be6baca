"""Serving of the sandbox on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from mpi.api.app import create_app
from mpi.api.server.serve import Listener, run_application
from mpi.sandbox.call_log import CallLog
from mpi.sandbox.gateway import RETRY_AFTER_S, SandboxGateway
from mpi.sandbox.sandbox_index import Sandbox
from mpi.sandbox.steward import DELAY_S, Steward


@contextmanager
def open_gateway(
    sandbox: Sandbox, app: ASGIApp, delay_s: float = DELAY_S, retry_after_s: int = RETRY_AFTER_S
) -> Iterator[SandboxGateway]:
    """Yield the sandbox's application while its steward works.

    Args:
        sandbox: the open sandbox.
        app: application of its index.
        delay_s: seconds from a record to the steward's step.
        retry_after_s: seconds that an injected 429 or 503 asks to wait.
    """
    steward = Steward(sandbox.index, delay_s)
    steward.start()
    try:
        yield SandboxGateway(app, sandbox, steward, CallLog(), retry_after_s)
    finally:
        steward.stop()


def serve_sandbox(sandbox: Sandbox, host: str, port: int, on_listen: Listener | None = None) -> None:
    """Serve a sandbox until it is interrupted.

    Args:
        sandbox: the open sandbox.
        host: a loopback address or ``localhost``: the pages need no sign-in.
        port: 0 for any free one.
        on_listen: gets the port once connections are accepted.

    Raises:
        InputError: the host is not permitted, or the port is taken.
    """
    app = create_app(sandbox.index, open_pages=True)
    with open_gateway(sandbox, app) as gateway:
        run_application(app, host, port, front=gateway, on_listen=on_listen)
