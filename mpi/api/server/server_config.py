"""Configuration of the HTTP server, with limits for each connection."""

from importlib.util import find_spec
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from mpi.api.server.proxy_rules import ProxyGuard, ProxyRules
from mpi.api.server.tls_files import TlsFiles

MAX_HEADER_BYTES = 65_536
"""Most bytes of a request line with its headers, and of anything else that is not body."""


class ServerConfig(uvicorn.Config):
    """Configuration of uvicorn with protocol classes that limit each connection.

    Args:
        app: the application, or the import path of a function that creates it in each process.
        request_timeout_s: seconds for the headers of a request, and for each next part of its body.
        tls: certificate and key; None to speak without TLS.
        proxies: proxies whose headers count, and whether others are answered.
        grace_s: seconds that running calls get to finish when the server stops.
        workers: number of processes.
        worker_silence_s: seconds without a reply after which a worker is replaced.
    """

    def __init__(
        self,
        app: ASGIApp | str,
        *,
        request_timeout_s: float,
        grace_s: int,
        tls: TlsFiles | None = None,
        proxies: ProxyRules = ProxyRules(),  # noqa: B008 - it cannot change
        workers: int = 1,
        worker_silence_s: int = 30,
    ) -> None:
        # uvicorn's own access log shows whole paths, and those hold local IDs.
        super().__init__(
            app,
            factory=isinstance(app, str),
            http=_find_protocol(),
            ws="none",
            workers=workers,
            access_log=False,
            log_config=None,
            server_header=False,
            forwarded_allow_ips=proxies.list_trusted(),
            # The limit of RequestBounds comes first, with a problem as its answer.
            h11_max_incomplete_event_size=2 * MAX_HEADER_BYTES,
            timeout_graceful_shutdown=grace_s,
            timeout_worker_healthcheck=worker_silence_s,
            ssl_certfile=None if tls is None else str(tls.cert),
            ssl_keyfile=None if tls is None else str(tls.key),
        )
        self.request_timeout_s = request_timeout_s
        self._proxies = proxies

    def load(self) -> None:
        """Load the application, behind a guard where only proxies are answered."""
        super().load()
        if self._proxies.is_required:
            self.loaded_app = ProxyGuard(cast("ASGIApp", self.loaded_app), self._proxies)


def _find_protocol() -> str:
    """Return the import path of the protocol class in use.

    Each process imports the class itself.
    """
    parser = "HttpTools" if find_spec("httptools") else "H11"
    return f"mpi.api.server.{parser.lower()}_protocol:Bounded{parser}Protocol"
