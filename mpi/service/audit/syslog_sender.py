"""Sender of syslog messages over TLS (RFC 5425)."""

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

from mpi.domain.errors import InputError, RemoteSystemError

PORT = 6514
"""Port of syslog over TLS."""
_TIMEOUT_S = 30.0


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and port of ``HOST`` or ``HOST:PORT``.

    An IPv6 address stands in brackets.

    Raises:
        InputError: it is no such address.
    """
    host, separator, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not separator:
        host, port = text, str(PORT)
    if not host.strip("[]") or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise InputError(f"{text[:100]!r} is no address of a syslog server: write HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def send_messages(host: str, port: int, messages: Iterable[bytes], ca_file: Path | None = None) -> None:
    """Send messages in one connection, each with its length before it.

    The receiver confirms nothing. So the connection is closed in order after the last message, and an error
    means that all may have to be sent again.

    Args:
        host: name of the server, which its certificate must have.
        port: its port.
        messages: the messages.
        ca_file: certificates to trust; None for the system's.

    Raises:
        InputError: the file of certificates cannot be read.
        RemoteSystemError: the server cannot be reached, is not trusted, or ended the connection.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise InputError(f"{ca_file} is no file of certificates that can be read") from None
    try:
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            for message in messages:
                connection.sendall(b"%d %b" % (len(message), message))
            connection.unwrap()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RemoteSystemError(
            f"the syslog server {host}, port {port}, did not take all: {reason}"
        ) from None
