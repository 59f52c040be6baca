"""Addresses that webhooks may be sent to.

Whoever registers a webhook makes this program call an address. It must not reach what only this machine can:
the operator's own network, other programs on this machine, the metadata service of a cloud.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from mpi.domain.errors import InputError

MAX_URL_LENGTH = 2_000
MAX_ADDRESSES = 4
"""Most addresses of one host that are tried."""
_NAT64 = ip_network("64:ff9b::/32")
"""Translated IPv4 addresses (RFC 6052, RFC 8215): a gateway may lead them anywhere."""

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


class AddressRefusedError(Exception):
    """The host has an address that may not be called, or none."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which addresses may be called besides public ones.

    Args:
        networks: networks that the operator allows.
    """

    networks: tuple[IpNetwork, ...] = ()

    def resolve(self, host: str, port: int, *, is_encrypted: bool) -> list[str]:
        """Return the addresses of a host, all of which may be called.

        Args:
            host: name or address.
            port: the port.
            is_encrypted: whether TLS is spoken; without it, only addresses of this machine may be called.

        Raises:
            AddressRefusedError: one of them may not be called, or the host is unknown.
        """
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise AddressRefusedError from None
        texts = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if not texts or not all(self._permits(text, is_encrypted=is_encrypted) for text in texts):
            raise AddressRefusedError
        return texts[:MAX_ADDRESSES]

    def _permits(self, text: str, *, is_encrypted: bool) -> bool:
        address = _unwrap(ip_address(text.partition("%")[0]))
        if not is_encrypted and not address.is_loopback:
            return False
        return _is_public(address) or any(address in network for network in self.networks)


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Parse networks that an operator named, separated by commas.

    Raises:
        InputError: one of them is no network.
    """
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(
            "MPI_WEBHOOK_NETWORKS: give networks such as 10.20.0.0/16, separated by commas"
        ) from None


def check_url(url: str, rules: AddressRules) -> None:
    """Refuse a URL that webhooks may not be sent to.

    The message does not tell whether a name is unknown or leads to a private address: that would tell of the
    operator's network.

    Raises:
        InputError: the URL is malformed, not encrypted, or its host has an address that may not be called.
    """
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InputError(
            f"url: give an address of at most {MAX_URL_LENGTH} characters of ASCII, without spaces"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError("url: is no URL") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise InputError("url: give an https:// URL with a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InputError("url: leave out user, password and fragment; messages are signed")
    try:
        rules.resolve(parts.hostname, port or 443, is_encrypted=parts.scheme == "https")
    except AddressRefusedError:
        raise InputError(
            "url: the host is unknown, or it may not be called: it needs https and a public address, unless "
            "the operator allows its network (MPI_WEBHOOK_NETWORKS)"
        ) from None


def _unwrap(address: IpAddress) -> IpAddress:
    """Return the IPv4 address inside an IPv6 one, if there is one."""
    if isinstance(address, IPv6Address):
        inner: Sequence[IpAddress | None] = (
            address.ipv4_mapped,
            address.sixtofour,
            address.teredo[1] if address.teredo else None,
        )
        return next((each for each in inner if each is not None), address)
    return address


def _is_public(address: IpAddress) -> bool:
    """Return whether an address is one of the public Internet."""
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _NAT64):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
