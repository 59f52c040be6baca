"""Connections of one port that are dealt to several processes."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mpi.api.server import connection_balancer
from mpi.api.server.connection_balancer import Dealer, DealtLoop
from mpi.api.server.serve import listen

PATIENCE_S = 10


class _Tells(asyncio.Protocol):
    """Answers whatever is sent with the name of who serves it."""

    def __init__(self, name: bytes, transports: list[asyncio.Transport]) -> None:
        self._name, self._transports = name, transports

    def connection_made(self, transport):
        self._transport = transport
        self._transports.append(transport)

    def data_received(self, _data):
        self._transport.write(self._name)


class _Process:
    """What one process does, in a thread."""

    def __init__(self, name: bytes, door: socket.socket) -> None:
        self.name = name
        self._loop = DealtLoop()
        self._transports: list[asyncio.Transport] = []
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._done(
            self._loop.create_server(lambda: _Tells(name, self._transports), sock=door, ssl=None, backlog=100)
        )

    def _done(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _closed(self) -> None:
        self._server.close()

    def close(self) -> None:
        self._done(self._closed())

    async def _aborted(self) -> None:
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)

    def stop(self) -> None:
        self.close()
        self._done(self._aborted())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Port:
    """A port whose connections are dealt.

    Args:
        opened: what is closed at the end.
        processes: how many are waited for.
    """

    def __init__(self, opened: ExitStack, processes: int = 1) -> None:
        self._opened = opened
        listener = listen("127.0.0.1", 0)
        self._number = listener.getsockname()[1]
        self.dealer = Dealer(listener, processes)
        self._door = self.dealer.door
        opened.callback(self.dealer.start().join, PATIENCE_S)
        opened.enter_context(self._door)

    def comes(self, name: bytes) -> _Process:
        """A process comes to the door."""
        process = _Process(name, self._door)
        self._opened.callback(process.stop)
        return process

    def connect(self, count: int) -> list[socket.socket]:
        """Connections made at once."""
        made = [socket.create_connection(("127.0.0.1", self._number), PATIENCE_S) for _ in range(count)]
        for each in made:
            self._opened.enter_context(each)
        return made


@pytest.fixture
def port() -> Iterator[_Port]:
    with ExitStack() as opened:
        yield _Port(opened)


@pytest.fixture
def port_of_two() -> Iterator[_Port]:
    with ExitStack() as opened:
        yield _Port(opened, processes=2)


def _who_serves(connection: socket.socket) -> bytes:
    connection.sendall(b"?")
    return connection.recv(1)


def _wait_until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < until
        time.sleep(0.01)


def _served(connections: list[socket.socket]) -> str:
    """Who serves each, in order of their names."""
    return b"".join(sorted(map(_who_serves, connections))).decode()


def test_connections_made_at_once_are_shared_evenly(port):
    port.comes(b"a")
    port.comes(b"b")
    assert _served(port.connect(8)) == "aaaabbbb"
    assert _served(port.connect(4)) == "aabb"


def test_connections_that_come_before_the_last_process_are_shared_with_it(port_of_two):
    port_of_two.comes(b"a")
    early = port_of_two.connect(8)
    port_of_two.comes(b"b")
    assert _served(early) == "aaaabbbb"


def test_a_process_that_never_comes_is_waited_for_no_longer_than_so(port_of_two, monkeypatch):
    monkeypatch.setattr(connection_balancer, "ALL_COME_S", 0.2)
    one = port_of_two.comes(b"a")
    early = port_of_two.connect(2)
    assert _served(early) == "aa"
    port_of_two.comes(b"b")
    one.close()
    _wait_until(lambda: port_of_two.dealer.open == [0])
    assert _served(port_of_two.connect(1)) == "b"


def test_a_process_that_goes_before_the_others_come_leaves_its_connections_to_them(port_of_two):
    port_of_two.comes(b"a").close()
    _wait_until(lambda: port_of_two.dealer.open == [])
    early = port_of_two.connect(4)
    port_of_two.comes(b"b")
    port_of_two.comes(b"c")
    assert _served(early) == "bbcc"


def test_who_has_lost_connections_is_dealt_the_next(port):
    one = port.comes(b"a")
    port.comes(b"b")
    made = {each: _who_serves(each) for each in port.connect(8)}
    for each, name in made.items():
        if name == one.name:
            each.close()
    _wait_until(lambda: port.dealer.open == [0, 4])
    assert _served(port.connect(4)) == "aaaa"


def test_one_that_has_ended_is_dealt_nothing_and_serves_what_it_has(port):
    one = port.comes(b"a")
    port.comes(b"b")
    made = port.connect(4)
    assert _served(made) == "aabb"
    one.close()
    _wait_until(lambda: port.dealer.open == [2])
    assert _served(port.connect(4)) == "bbbb"
    assert _served(made) == "aabb"


def test_connections_wait_while_no_process_is_there(port):
    port.comes(b"a").close()
    _wait_until(lambda: port.dealer.open == [])
    waiting = port.connect(3)
    port.comes(b"b")
    assert _served(waiting) == "bbb"


def test_no_connection_is_taken_before_the_first_process_has_come(port):
    with pytest.raises(ConnectionRefusedError):
        port.connect(1)


def test_a_server_of_its_own_socket_is_as_it_was():
    loop = DealtLoop()
    server = loop.run_until_complete(loop.create_server(lambda: _Tells(b"a", []), "127.0.0.1", 0))
    assert server.is_serving()
    server.close()
    loop.run_until_complete(server.wait_closed())
    loop.close()
