"""Fixtures: an index whose school source holds linked records only."""

import pytest

from mpi.domain.source import Holdings, SourceKind
from mpi.service.holdings import settings
from mpi.service.statements.sources import NewSource
from tests.index import OPERATOR, open_test_index


def add_care_sources(index, holdings=Holdings.LINKED, schools=("school",)):
    """Add a source of child welfare, and schools with given holdings."""
    settings.add_source(index, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS), Holdings.ALL)
    for code in schools:
        settings.add_source(index, OPERATOR, NewSource(code, kind=SourceKind.SIS), holdings)


@pytest.fixture
def index(tmp_path, database_url):
    """An empty index, on each store, whose school source holds linked records only."""
    with open_test_index(tmp_path / "home", database_url=database_url) as index:
        add_care_sources(index)
        yield index


@pytest.fixture
def sqlite_index(tmp_path):
    """Like ``index``, on SQLite only."""
    with open_test_index(tmp_path / "home") as index:
        add_care_sources(index)
        yield index


@pytest.fixture
def whole_index(tmp_path, database_url):
    """An empty index, on each store, whose school source holds all its records."""
    with open_test_index(tmp_path / "home", database_url=database_url) as index:
        add_care_sources(index, Holdings.ALL)
        yield index
