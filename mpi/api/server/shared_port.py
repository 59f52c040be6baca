"""A loopback port that several worker processes listen on together."""

import socket
from collections.abc import Callable


class SharedPort(socket.socket):
    """A bound port that each receiving process opens with its own socket.

    Linux spreads new connections over the listening sockets of one port by a hash of the client's address
    and port (``SO_REUSEPORT``, see socket(7)). Workers that share one socket do not spread them: the first to
    wake accepts all that wait. This socket itself never listens. It reserves the port while workers start.
    """

    def __reduce__(self) -> tuple[Callable[[str, int], "SharedPort"], tuple[str, int]]:
        """Return how a receiving process binds its own socket to the port."""
        host, port = self.getsockname()[:2]
        return open_shared_port, (host, port)


def open_shared_port(host: str, port: int) -> SharedPort:
    """Bind a socket to a port that this user's processes may share.

    Args:
        host: a loopback address.
        port: 0 for any free one.

    Raises:
        OSError: the port is taken by a socket that does not share it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms a call) off only where the protocol is named.
    shared = SharedPort(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((host, port))
    except OSError:
        shared.close()
        raise
    return shared
