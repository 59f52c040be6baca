"""Copies of a scope's records are compared with the records."""

import pytest

from mpi.service.records.upsert import upsert
from mpi.service.scopes.copy_check import check_copies
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.scopes import ChangedItem
from tests.index import OPERATOR, make_child
from tests.scopes import open_scoped_indexes


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, {"education": ("sis",)}, database_url=database_url) as opened:
        upsert(opened.scopes["education"], OPERATOR, "sis", make_child("s1"))
        opened.sync()
        yield opened


@pytest.fixture
def breaches(indexes):
    """Return the breaches that a check finds."""
    return lambda: [
        finding.detail
        for finding in check_copies(
            indexes.scopes["education"], indexes.shared, OPERATOR, "education"
        ).findings
    ]


def test_a_record_that_waits_for_a_sync_is_no_breach(indexes, breaches):
    assert breaches() == []
    upsert(indexes.scopes["education"], OPERATOR, "sis", make_child("s1", postal_code="43999"))
    upsert(indexes.scopes["education"], OPERATOR, "sis", make_child("s2", birth_date="2011-01-05"))
    assert breaches() == []


def test_another_state_is_a_breach(indexes, breaches):
    with indexes.shared.database.write(OPERATOR, "test") as unit:
        unit.records.set_state([1], RecordState.WITHDRAWN)
    assert breaches() == ["record 1 has another state than its copy 1"]


def test_a_missing_copy_is_a_breach(indexes, breaches):
    with indexes.shared.database.write(OPERATOR, "test") as unit:
        unit.scopes.replace_copy("education", ChangedItem.RECORD, 1, 77)
    assert breaches() == [
        "record 1 of the shared index is a copy of no record",
        "record 77 of the shared index is a copy of another source",
    ]
