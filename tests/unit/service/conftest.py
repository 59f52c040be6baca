"""One fixture: an index with a school and a child-welfare source. Odd cases build their own."""

import pytest

from tests.index import an_index


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis") as index:
        yield index
