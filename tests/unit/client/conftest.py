"""A live index and a server of faults, and clients of both kinds for each of them.

``client`` may do everything at the index; its sources are D01 and CCWIS. Tests share the index, and use local
IDs and names of their own.
"""

import pytest

from mpi.api.app import create_app
from tests.clients import KINDS, fault_server, open_client
from tests.index import open_test_index
from tests.unit.api.live import add_key, serving


@pytest.fixture(scope="session")
def client_index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("client"), "D01", "CCWIS") as index:
        yield index


@pytest.fixture(scope="session")
def client_key(client_index):
    return add_key(client_index, "client")


@pytest.fixture(scope="session")
def client_url(client_index):
    with serving(create_app(client_index)) as url:
        yield url


@pytest.fixture(params=KINDS)
def kind(request):
    """Whether the client is synchronous or asynchronous."""
    return request.param


@pytest.fixture
def open_one(kind):
    """Open clients of the kind, and close them at the end of the test."""
    opened = []

    def open_one(url, credentials, **options):
        opened.append(open_client(kind, url, credentials, **options))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def client(open_one, client_url, client_key):
    return open_one(client_url, client_key)


@pytest.fixture(scope="session")
def _faults():
    with fault_server() as server:
        yield server


@pytest.fixture
def faults(_faults):
    """The server of faults, without requests."""
    _faults.react()
    return _faults


@pytest.fixture
def faulty(open_one, faults):
    """A client of the server of faults."""
    return open_one(faults.url, "secret-key")
