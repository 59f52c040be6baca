"""A port on which several processes listen."""

import pickle
import socket
from contextlib import ExitStack

import pytest

from mpi.api.server.serve import listen
from mpi.api.server.shared_port import open_shared_port
from mpi.domain.errors import InputError

CONNECTIONS = 200


def test_a_pickled_port_is_reopened_at_the_same_address():
    with open_shared_port("127.0.0.1", 0) as port, pickle.loads(pickle.dumps(port)) as reopened:
        assert reopened.getsockname() == port.getsockname()
        assert reopened.fileno() != port.fileno()


def test_connections_are_spread_over_the_listening_sockets():
    with ExitStack() as stack:
        port = stack.enter_context(open_shared_port("127.0.0.1", 0))
        listeners = [stack.enter_context(pickle.loads(pickle.dumps(port))) for _ in range(2)]
        for listener in listeners:
            listener.listen(CONNECTIONS)
            listener.setblocking(False)
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(port.getsockname()))
        counts = [_accept_all(stack, listener) for listener in listeners]
    assert sum(counts) == CONNECTIONS
    # Each listener gets half of them on average; a fifth is ten standard deviations away.
    assert min(counts) > CONNECTIONS / 5


def test_a_port_of_another_server_is_refused():
    with open_shared_port("127.0.0.1", 0) as occupied:
        occupied.listen()
        with pytest.raises(InputError, match="cannot listen on port"):
            listen("127.0.0.1", occupied.getsockname()[1])


def _accept_all(stack: ExitStack, listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return count
        stack.enter_context(connection)
        count += 1
