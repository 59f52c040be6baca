"""Live server for the API tests; tests share it and use separate local IDs and names.

``index`` is the index behind it, ``call`` a client that may do everything, ``people`` a server with open
pages. A test that needs another state of the index makes its own.
"""

import pytest

from mpi.api.app import create_app
from tests.index import open_test_index
from tests.unit.api.live import add_key, calling


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("api"), "D01", "CCWIS") as new_index:
        yield new_index


@pytest.fixture(scope="session")
def key(index):
    return add_key(index, "district-01")


@pytest.fixture(scope="session")
def call(index, key):
    with calling(create_app(index), key) as client:
        yield client


@pytest.fixture(scope="session")
def people(index):
    with calling(create_app(index, open_pages=True), None) as client:
        yield client


@pytest.fixture
def fresh_index(tmp_path):
    """A new index for each test, with the sources D01 and CCWIS."""
    with open_test_index(tmp_path, "D01", "CCWIS") as index:
        yield index
