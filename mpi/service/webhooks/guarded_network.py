"""Connections of webhooks: checked addresses, and one time limit for all.

httpcore opens its connections and reads them by this backend. The address that was checked is the one that is
called: a name that leads elsewhere a moment later gains nothing. httpx has no such hook, so its engine is
used directly.
"""

import ssl
import time
from collections.abc import Iterable

import httpcore

from mpi.service.webhooks.addresses import AddressRules


class Deadline:
    """Moment until which an attempt may take, over all its parts."""

    def __init__(self) -> None:
        self._end = 0.0

    def begin(self, seconds: float) -> None:
        """Begin an attempt that may take some seconds."""
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left.

        Raises:
            httpcore.TimeoutException: none are left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.TimeoutException
        return left


class GuardedStream(httpcore.NetworkStream):
    """A connection whose every operation ends at the deadline.

    A receiver that sends one byte at a time would else keep a thread for hours.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's interface
        """Read what has come, at most some bytes."""
        return self._stream.read(max_bytes, self._deadline.seconds_left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        """Write all bytes."""
        self._stream.write(buffer, self._deadline.seconds_left())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        """Begin TLS, and check the certificate for the name of the host."""
        left = self._deadline.seconds_left()
        return GuardedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> object:
        """Return a fact of the connection, such as its socket."""
        return self._stream.get_extra_info(info)


class GuardedNetwork(httpcore.NetworkBackend):
    """Network that reaches permitted addresses only.

    Args:
        rules: which addresses may be called.
        deadline: moment until which the present attempt may take.
        is_encrypted: whether TLS will be spoken.
    """

    def __init__(self, rules: AddressRules, deadline: Deadline, *, is_encrypted: bool) -> None:
        self._rules = rules
        self._deadline = deadline
        self._is_encrypted = is_encrypted
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            AddressRefusedError: an address of the host may not be called.
            httpcore.ConnectError: none answers.
        """
        *addresses, last = self._rules.resolve(host, port, is_encrypted=self._is_encrypted)
        for address in addresses:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, timeout, local_address, socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.seconds_left()
        stream = self._network.connect_tcp(
            address, port, left if timeout is None else min(left, timeout), local_address, socket_options
        )
        return GuardedStream(stream, self._deadline)
