"""Fixtures of the tests of data quality: an index of three sources, on each store."""

import pytest

from tests.index import open_test_index


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path / "home", "sis", "d02", "ccwis", database_url=database_url) as opened:
        yield opened
