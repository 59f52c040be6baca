"""Fixtures of the storage tests."""

import pytest

from mpi.storage.unit_of_work.database import Database


@pytest.fixture
def database(postgres_url):
    """An empty PostgreSQL database at the current schema."""
    database = Database(postgres_url)
    yield database
    database.dispose()
