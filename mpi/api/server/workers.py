"""Several worker processes that answer on one port."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from threading import Thread

from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from mpi.api.app import create_app
from mpi.api.middleware.metrics import SHARED_FOLDER_VARIABLE
from mpi.api.server.log_lines import LogOutput, start_log
from mpi.api.server.resumption import start_resumption
from mpi.api.server.serve import (
    GRACE_S,
    Listener,
    find_proxy_rules,
    listen,
    may_be_public,
)
from mpi.api.server.server_config import ServerConfig
from mpi.api.server.shared_port import open_shared_port
from mpi.api.server.tls_files import TlsFiles
from mpi.api.server.tracing import trace_calls
from mpi.bootstrap import open_index
from mpi.composition.network import read_allowed_hosts, read_trusted_proxies
from mpi.config import Settings
from mpi.service.processes.pacing import collect_recent_garbage

_START_S = 120
"""Seconds within which a worker accepts its first connection."""
_RETRY_S = 0.1
_SILENT_S = 30
"""Seconds without a reply to its supervisor after which a worker is replaced."""


def serve_with(
    host: str, port: int, workers: int, tls: TlsFiles | None = None, on_listen: Listener | None = None
) -> None:
    """Serve the index that the environment names from several processes until interrupted.

    Each worker opens the index anew, since a database connection does not survive a fork. The kernel spreads
    new connections over the workers. A worker that dies is replaced. Calls under way at the end are finished.

    Args:
        host: a loopback address or ``localhost``; any address as ``may_be_public`` says.
        port: 0 for any free one.
        workers: number of processes.
        tls: certificate and key; None to speak without TLS.
        on_listen: gets the port once connections are accepted.

    Raises:
        InputError: the host is not permitted, or the port is taken.
    """
    # A plain socket is refused where another server has the port; a shared one would join it.
    settings = Settings()
    trusted = read_trusted_proxies(settings)
    with listen(host, port, is_public=may_be_public(tls, read_allowed_hosts(settings), trusted)) as free:
        address, number = free.getsockname()[:2]
        proxies = find_proxy_rules(free, tls, trusted)
    shared = open_shared_port(address, number)
    config = ServerConfig(
        "mpi.api.server.workers:application",
        request_timeout_s=settings.request_timeout_s,
        grace_s=GRACE_S,
        tls=tls,
        proxies=proxies,
        workers=workers,
        worker_silence_s=_SILENT_S,
    )
    if on_listen is not None:
        Thread(target=_await_connection, args=(address, number, on_listen), daemon=True).start()
    with shared, _share_metrics():
        Multiprocess(config, sockets=[shared]).run()


def _await_connection(address: str, port: int, on_listen: Listener) -> None:
    """Tell the port once a worker accepts connections, if one does."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, port), _RETRY_S).close()
        except OSError:
            time.sleep(_RETRY_S)
        else:
            on_listen(port)
            return


@contextmanager
def _share_metrics() -> Iterator[None]:
    """Let server processes that start meanwhile share a metrics folder.

    It is private and temporary. The counts of a process that died stay, since a counter never falls. The
    folder goes when the server ends.
    """
    with TemporaryDirectory(prefix="mpi-metrics-") as folder:
        os.environ[SHARED_FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER_VARIABLE]


def application() -> ASGIApp:
    """Create one server process's application, for the index that the environment names."""
    settings = Settings()
    start_log(LogOutput(settings.log_format, settings.security_log, settings.scope))
    app = create_app(open_index(settings))
    start_resumption(app)
    collect_recent_garbage()
    return trace_calls(app, settings.otel_endpoint)
