"""Network address that a request comes from, and who sends it."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

PERSON = "person"
"""Stands in the log for every person who is signed in."""
_CALLER = "mpi.caller"
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a network: one customer has all addresses of it (RFC 6177)."""


def get_client_network(scope: Scope) -> str:
    """Return the IPv4 address or IPv6 network of a request's sender.

    The server has put in the address that a trusted proxy names in ``X-Forwarded-For``.

    Returns:
        Empty text if it is not known.
    """
    client = scope.get("client")
    host: str = client[0] if client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))


def note_caller(scope: Scope, name: str) -> None:
    """Note in a request who was authenticated.

    Args:
        scope: the ASGI scope of the request.
        name: name of the client, or ``PERSON``.
    """
    scope[_CALLER] = name


def find_caller(scope: Scope) -> str | None:
    """Return who was authenticated in a request; None for nobody."""
    caller: str | None = scope.get(_CALLER)
    return caller
