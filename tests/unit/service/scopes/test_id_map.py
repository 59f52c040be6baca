"""The map between enterprise IDs of a scope and of the shared index."""

import pytest

from mpi.domain.errors import NotFoundError
from mpi.service.records.upsert import upsert
from mpi.service.scopes.id_map import MappedRecord, map_enterprise_ids
from tests.index import OPERATOR, crosswalk, make_child
from tests.scopes import open_scoped_indexes

SCOPES = {"education": ("sis",), "child_welfare": ("ccwis",)}


@pytest.fixture
def indexes(tmp_path):
    with open_scoped_indexes(tmp_path, SCOPES) as opened:
        yield opened


def count_ledger_lines(index):
    """Return how many disclosures the ledger of an index holds."""
    with index.database.ledger.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM disclosure").scalar()


def test_the_map_names_both_ids_of_the_scopes_records_and_no_others(indexes):
    education, child_welfare = indexes.scopes.values()
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(child_welfare, OPERATOR, "ccwis", make_child("c1"))
    indexes.sync()
    upsert(education, OPERATOR, "sis", make_child("unseen", first_name="Ben", birth_date="2011-01-05"))

    rows = list(map_enterprise_ids(education, indexes.shared, OPERATOR, "education"))

    address = ("sis", "s1")
    assert rows == [MappedRecord(*address, crosswalk(education)[address], crosswalk(indexes.shared)[address])]


def test_both_ledgers_get_a_line(indexes):
    education = indexes.scopes["education"]
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    before = [count_ledger_lines(index) for index in (education, indexes.shared)]
    list(map_enterprise_ids(education, indexes.shared, OPERATOR, "education"))
    after = [count_ledger_lines(index) for index in (education, indexes.shared)]
    assert after == [count + 1 for count in before]


def test_an_unknown_scope_has_no_map(indexes):
    with pytest.raises(NotFoundError):
        list(map_enterprise_ids(indexes.scopes["education"], indexes.shared, OPERATOR, "health"))
