"""Fixtures: a test index whose loads write in small chunks."""

import pytest

from tests.index import an_index
from tests.loads import in_small_chunks


@pytest.fixture
def chunked_index(tmp_path, database_url, monkeypatch):
    """An empty index, on each store in turn, whose loads write a few hundred statements at a time."""
    in_small_chunks(monkeypatch)
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index
