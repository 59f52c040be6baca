"""Host names and proxies that the settings name."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from mpi.config import Settings
from mpi.domain.errors import InputError

_HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\]")
"""A name, an IPv4 address, or an IPv6 address in brackets: what a ``Host`` header has before the port."""


def read_allowed_hosts(settings: Settings) -> frozenset[str]:
    """Return the names that the server answers to besides localhost.

    Raises:
        InputError: one of them is no host name.
    """
    if not all(_HOST_NAME.fullmatch(name) for name in settings.answered_hosts):
        raise InputError(
            "MPI_ALLOWED_HOSTS: give names such as mpi.example.gov, separated by commas, without scheme, "
            "port, path or wildcard"
        )
    return settings.answered_hosts


def read_trusted_proxies(settings: Settings) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of the proxies whose forwarded headers count.

    Raises:
        InputError: one of them is no network, or holds every address.
    """
    try:
        networks = [ip_network(part.strip()) for part in settings.trusted_proxies.split(",") if part.strip()]
    except ValueError:
        raise InputError(
            "MPI_TRUSTED_PROXIES: give addresses and networks such as 10.20.0.5 or 10.20.0.0/16, separated "
            "by commas"
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise InputError(
            "MPI_TRUSTED_PROXIES: a network of every address would let each caller state an address of its "
            "own: name the network of the proxies only"
        )
    return tuple(networks)
