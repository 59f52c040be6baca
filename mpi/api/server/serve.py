"""Serving the HTTP application with uvicorn on a loopback address."""

import ipaddress
import logging
import socket
import sys

import uvicorn

from mpi.api.app import create_app
from mpi.api.server.resumption import start_resumption
from mpi.api.server.server_config import ServerConfig
from mpi.domain.errors import InputError
from mpi.service.core.index import Index

GRACE_S = 10
"""Seconds that running calls get to finish when the server stops."""


def serve(index: Index, host: str, port: int, *, open_pages: bool = False) -> None:
    """Serve the index from this process until it is interrupted.

    Running calls are finished first.

    Args:
        index: the open index.
        host: a loopback address or ``localhost``.
        port: 0 for any free one.
        open_pages: whether pages need no sign-in; allowed for a test index only.

    Raises:
        InputError: the host is not a loopback address, the port is taken, or a real index is asked for open
            pages.
    """
    app = create_app(index, open_pages=open_pages)
    listener = listen(host, port)
    log_to_stderr()
    start_resumption(app)
    config = ServerConfig(app, request_timeout_s=index.settings.request_timeout_s, grace_s=GRACE_S)
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a loopback address.

    Raises:
        InputError: the host is not a loopback address, or the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if not _is_loopback(address):
        raise InputError(
            "the API has no TLS of its own and listens on 127.0.0.1, ::1 or localhost only: "
            "put a proxy with TLS before it"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms a call) off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise InputError(f"cannot listen on port {port}: {error.strerror}; set MPI_PORT") from error
    return listener


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def log_to_stderr() -> None:
    """Send the program's log to standard error, without paths, queries or values."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("mpi", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
    logging.getLogger("mpi").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
