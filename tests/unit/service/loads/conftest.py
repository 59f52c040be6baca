"""Fixtures: a test index whose loads write in small chunks."""

import pytest

from tests.index import open_test_index
from tests.loads import SMALL_CHUNKS


@pytest.fixture
def chunked_index(tmp_path, database_url):
    """An empty index, on each store in turn, whose loads write a few hundred statements at a time."""
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, tuning=SMALL_CHUNKS
    ) as index:
        yield index
