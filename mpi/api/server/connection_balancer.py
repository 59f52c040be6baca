"""Connections of one port dealt to several processes, each to the one that has fewest.

Left to themselves, processes that listen on one socket do not share its connections: who wakes first takes
every one that is there, and connections stay open for as long as their clients do. Of eight made at once one
process had all eight in 15 of 20 trials, and the other stood still.
"""

import asyncio
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

try:
    from uvloop import Loop as _Loop
except ImportError:  # the extra ``fast`` is not installed
    from asyncio import SelectorEventLoop as _Loop  # type: ignore[assignment]

_log = logging.getLogger("mpi.api")

BACKLOG = 2048
"""Connections that may wait to be taken; as uvicorn has it."""
_SOME = 4096
_NO_ROOM_S = 1.0
"""Until it is tried again, where no more files may be opened."""
ALL_COME_S = 5.0
"""So long connections wait for the processes that have yet to come: they stay with whom they are dealt to."""

Protocols = Callable[[], asyncio.BaseProtocol]


class Dealer:
    """Takes the connections of a port, and deals them to the processes that have come to its door.

    Args:
        listener: bound to the port; it listens from when the first process has come.
        processes: how many are to come, before any connection is dealt; those that come late are not waited
            for in the end.

    Attributes:
        door: given to the processes; once it is closed everywhere the dealer ends.
    """

    def __init__(self, listener: socket.socket, processes: int = 1) -> None:
        self._listener = listener
        self._processes = processes
        self._deals_at: float | None = None
        self._listener.setblocking(False)
        self._inside, self.door = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open: dict[socket.socket, int] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._inside, selectors.EVENT_READ, self._welcome)
        self._over = False

    def start(self) -> threading.Thread:
        """Begin, in a thread that ends with the process at the latest."""
        thread = threading.Thread(target=self._work, name="dealer", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        with self._selector, self._inside, self._listener:
            while not self._over:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                if self._patience() == 0:
                    self._deals_at = None
                    self._selector.register(self._listener, selectors.EVENT_READ, self._deal)
            for channel in self._open:
                channel.close()

    def _patience(self) -> float | None:
        """Seconds until connections are dealt; None where they are, or there is nobody to deal them to."""
        if self._deals_at is None:
            return None
        return 0 if len(self._open) >= self._processes else max(0, self._deals_at - time.monotonic())

    def _welcome(self) -> None:
        """A process has come, and hands in its end of a channel of its own."""
        said, numbers, _, _ = socket.recv_fds(self._inside, 1, 1)
        self._over = not said
        for number in numbers:
            channel = socket.socket(fileno=number)
            channel.setblocking(False)
            self._selector.register(channel, selectors.EVENT_READ, partial(self._hear, channel))
            if not self._open:
                self._listener.listen(BACKLOG)
                self._deals_at = time.monotonic() + ALL_COME_S
            self._open[channel] = 0
            with suppress(OSError):  # it has ended already, which its channel will say
                channel.send(b".")

    @property
    def open(self) -> list[int]:
        """Connections that each process has open, in the order in which they came."""
        return list(self._open.values())

    def _hear(self, channel: socket.socket) -> None:
        """A process says a byte for each connection that has ended, and nothing once it has ended itself."""
        try:
            ended = channel.recv(_SOME)
        except OSError:
            ended = b""
        if ended:
            self._open[channel] -= len(ended)
        else:
            self._leave(channel)

    def _leave(self, channel: socket.socket) -> None:
        self._selector.unregister(channel)
        channel.close()
        del self._open[channel]
        if not self._open and self._deals_at is None:
            self._selector.unregister(self._listener)
        elif not self._open:
            self._deals_at = None

    def _deal(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has gone
        except OSError as error:
            _log.error("a connection could not be taken: %s", error.strerror)
            time.sleep(_NO_ROOM_S)
            return
        with connection:
            for channel in sorted(self._open, key=self._open.__getitem__):
                try:
                    socket.send_fds(channel, [b"."], [connection.fileno()])
                except OSError:
                    continue  # it has ended, or takes nothing any more
                self._open[channel] += 1
                return


class DealtLoop(_Loop):
    """The event loop that is served on, which also serves connections that are dealt to it."""

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Protocols,
        *where: Any,  # noqa: ANN401 - as asyncio has it
        sock: socket.socket | None = None,
        **how: Any,  # noqa: ANN401
    ) -> "asyncio.AbstractServer | Dealt":
        """See asyncio's; of a dealer's door, take what is dealt there."""
        if sock is not None and sock.family == socket.AF_UNIX:
            return Dealt(self, sock, protocol_factory)
        return await super().create_server(protocol_factory, *where, sock=sock, **how)


class Dealt:
    """Serves the connections that a dealer hands in.

    Args:
        loop: that they are served on.
        door: the dealer's.
        protocols: makes what serves a connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, door: socket.socket, protocols: Protocols) -> None:
        self._loop, self._protocols = loop, protocols
        self._beginning: set[asyncio.Task[Any]] = set()
        self._channel, dealers = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with dealers:
            socket.send_fds(door, [b"."], [dealers.fileno()])
        self._channel.recv(1)  # now it listens
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel, self._take)

    def close(self) -> None:
        """Take no more; those that are open stay so."""
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel)
            self._channel.close()

    def _take(self) -> None:
        said, numbers, _, _ = socket.recv_fds(self._channel, 1, 1)
        if not said:
            self.close()  # the dealer has ended
        for number in numbers:
            connection = socket.socket(fileno=number)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            beginning = self._loop.create_task(self._loop.connect_accepted_socket(self._protocol, connection))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    def _protocol(self) -> asyncio.BaseProtocol:
        """What serves one connection, and tells the dealer of its end."""
        made = self._protocols()
        lost = made.connection_lost

        def connection_lost(error: Exception | None) -> None:
            lost(error)
            self._tell()

        made.connection_lost = connection_lost  # type: ignore[assignment,method-assign]
        return made

    def _tell(self) -> None:
        try:
            self._channel.send(b".")
        except OSError:
            return  # the dealer has ended, or nothing more is taken from it
