"""Proxies before the server: whose headers count, and whether others are answered."""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from mpi.api.request.call_limiter import EXEMPT_PATHS
from mpi.api.request.problems import WrongHostError, response_from_error

_log = logging.getLogger("mpi.access")

LOOPBACK_PROXIES = (IPv4Network("127.0.0.1/32"), IPv6Network("::1/128"))
"""Proxies on this machine, which are trusted by default."""


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """Rules about the proxies before a server.

    Args:
        trusted: networks of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` count.
        is_required: whether only these proxies and this machine are answered, besides probes.
    """

    trusted: tuple[IPv4Network | IPv6Network, ...] = LOOPBACK_PROXIES
    is_required: bool = False

    def list_trusted(self) -> list[str]:
        """Return the networks as uvicorn takes them."""
        return [str(network) for network in self.trusted]

    def permits(self, peer: str) -> bool:
        """Return whether the sender of a connection is answered."""
        if not self.is_required:
            return True
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return address.is_loopback or any(address in network for network in self.trusted)


def has_remote_proxies(networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Return whether a proxy of another machine is among the trusted ones."""
    return any(not network.is_loopback for network in networks)


class ProxyGuard:
    """ASGI application in front that answers trusted proxies and this machine only.

    It looks at the connection itself, before the headers of a proxy change what the sender is. Probes and
    metrics are answered to everybody, as their routes are.

    Args:
        app: the application with the middleware for the headers of proxies.
        rules: who is answered.
    """

    def __init__(self, app: ASGIApp, rules: ProxyRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse its sender."""
        peer = (scope.get("client") or ("",))[0]
        if scope["type"] == "http" and scope["path"] not in EXEMPT_PATHS and not self._rules.permits(peer):
            error = WrongHostError(
                "without TLS of its own this server answers the proxies of MPI_TRUSTED_PROXIES only: send "
                "the request to the proxy"
            )
            request_id = str(uuid.uuid4())
            _log.info("%s refused: %s, not through a trusted proxy", request_id, error.code)
            await response_from_error(error, request_id)(scope, receive, send)
            return
        await self._app(scope, receive, send)
