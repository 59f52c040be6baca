"""Serving the HTTP application with uvicorn, on loopback or with TLS."""

import ipaddress
import socket
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from mpi.api.app import create_app
from mpi.api.server.log_lines import LogOutput, start_log
from mpi.api.server.proxy_rules import ProxyRules, has_remote_proxies
from mpi.api.server.resumption import start_resumption
from mpi.api.server.server_config import ServerConfig
from mpi.api.server.tls_files import TlsFiles
from mpi.api.server.tracing import trace_calls
from mpi.domain.errors import InputError
from mpi.service.core.index import Index
from mpi.service.processes.pacing import collect_recent_garbage

Listener = Callable[[int], None]
"""Function that is told the port once connections are accepted."""
GRACE_S = 10
"""Seconds that running calls get to finish when the server stops."""


def serve(
    index: Index,
    host: str,
    port: int,
    *,
    open_pages: bool = False,
    tls: TlsFiles | None = None,
    on_listen: Listener | None = None,
) -> None:
    """Serve the index from this process until it is interrupted.

    Running calls are finished first.

    Args:
        index: the open index.
        host: a loopback address or ``localhost``; any address as ``may_be_public`` says.
        port: 0 for any free one.
        open_pages: whether pages need no sign-in; allowed for a test index only.
        tls: certificate and key; None to speak without TLS.
        on_listen: gets the port once connections are accepted.

    Raises:
        InputError: the host is not permitted, the port is taken, or a real index is asked for open pages.
    """
    run_application(create_app(index, open_pages=open_pages), host, port, tls=tls, on_listen=on_listen)


def run_application(
    app: FastAPI,
    host: str,
    port: int,
    *,
    tls: TlsFiles | None = None,
    front: ASGIApp | None = None,
    on_listen: Listener | None = None,
) -> None:
    """Serve an application from this process until it is interrupted.

    Args:
        app: the application, with its open index.
        host: as for ``serve``.
        port: 0 for any free one.
        tls: certificate and key; None to speak without TLS.
        front: application that gets the requests and passes them on to ``app``; None for ``app`` itself.
        on_listen: as for ``serve``.

    Raises:
        InputError: the host is not permitted, or the port is taken.
    """
    settings = app.state.index.settings
    listener = listen(host, port, is_public=may_be_public(tls, settings.host_names, settings.trusted_proxies))
    proxies = find_proxy_rules(listener, tls, settings.trusted_proxies)
    start_log(LogOutput(settings.log_format, settings.security_log, settings.scope))
    start_resumption(app)
    # Modules, routes and the model stay: to scan them would stop every request for a third of a second.
    collect_recent_garbage()
    config = ServerConfig(
        trace_calls(front or app, settings.trace_endpoint),
        request_timeout_s=settings.request_timeout_s,
        grace_s=GRACE_S,
        tls=tls,
        proxies=proxies,
    )
    # The kernel accepts connections from here on, and the server takes them once it has started.
    listener.listen(config.backlog)
    if on_listen is not None:
        on_listen(listener.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listener])


def may_be_public(
    tls: TlsFiles | None,
    host_names: Collection[str],
    trusted_proxies: Collection[IPv4Network | IPv6Network] = (),
) -> bool:
    """Return whether the server may listen on other addresses than loopback.

    It needs TLS, of its own or of a proxy on another machine: others could read along. It needs named hosts:
    a page could point its own name at the server.
    """
    return bool(host_names) and (tls is not None or has_remote_proxies(trusted_proxies))


def find_proxy_rules(
    listener: socket.socket, tls: TlsFiles | None, trusted: tuple[IPv4Network | IPv6Network, ...]
) -> ProxyRules:
    """Return the rules about proxies of a server.

    Without TLS, a server that listens beyond this machine answers its proxies only: a key that was sent past
    them went over the network for all to read.
    """
    is_local = _is_loopback(listener.getsockname()[0])
    return ProxyRules(trusted, is_required=tls is None and not is_local)


def listen(host: str, port: int, *, is_public: bool = False) -> socket.socket:
    """Return a socket that is bound to an address.

    Args:
        host: an address or ``localhost``.
        port: 0 for any free one.
        is_public: whether it may be another address than a loopback one.

    Raises:
        InputError: the host is not permitted, or the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if not (_is_loopback(address) or (is_public and _is_address(address))):
        raise InputError(
            "without TLS the server listens on 127.0.0.1, ::1 or localhost only: name the proxies with TLS "
            "in MPI_TRUSTED_PROXIES, or give --tls-cert and --tls-key; either needs an IP address and "
            "MPI_ALLOWED_HOSTS"
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
    return _is_address(address) and ipaddress.ip_address(address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
