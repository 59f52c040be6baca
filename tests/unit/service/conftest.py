"""Indexes with a school and a child-welfare source, on either store."""

import pytest

from tests.index import an_index, load_rows, many_children
from tests.loads import in_small_chunks


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index


@pytest.fixture
def with_runs(tmp_path, monkeypatch, database_url):
    """An index with records, to which small loads put runs of keys."""
    in_small_chunks(monkeypatch)
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as opened:
        load_rows(opened, "ccwis", *many_children(30, 9_000))
        yield opened
