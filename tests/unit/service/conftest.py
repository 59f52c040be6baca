"""One fixture: an index with a school and a child-welfare source, on either store."""

import pytest

from tests.index import an_index


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index
