"""Fixtures: test indexes with a school and a child-welfare source."""

import pytest

from tests.index import load_rows, many_children, open_test_index, with_tuning
from tests.loads import SMALL_CHUNKS


@pytest.fixture
def index(tmp_path, database_url):
    """An empty index, on each store in turn."""
    with open_test_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index


@pytest.fixture
def sqlite_index(tmp_path):
    """An empty index on SQLite only, for tests that do not depend on the store."""
    with open_test_index(tmp_path / "home", "sis", "ccwis") as index:
        yield index


@pytest.fixture
def segmented_index(tmp_path, database_url):
    """An index with records in the main key table, whose further small loads write segments."""
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, tuning=SMALL_CHUNKS
    ) as opened:
        load_rows(with_tuning(opened, compaction={"file_statements": 31}), "ccwis", *many_children(30, 9_000))
        yield opened
