"""Fixtures of the tests that both stores must pass."""

import pytest

from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, open_test_index, write_empty_database


@pytest.fixture
def database(tmp_path, database_url):
    """A database at the current schema, without an index, on each store."""
    if database_url is None:
        write_empty_database(tmp_path / "mpi.db")
    database = Database(database_url or f"sqlite:///{tmp_path / 'mpi.db'}")
    yield database
    database.dispose()


@pytest.fixture
def index(tmp_path, database_url):
    """A test index of the sources sis and ccwis with a fixed secret, on each store."""
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", secret="5" * 64, database_url=database_url
    ) as index:
        yield index


@pytest.fixture
def unit(index):
    """A writing unit of work of the index."""
    with index.database.write(OPERATOR, "test") as unit:
        yield unit
