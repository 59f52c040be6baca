"""Where the database of a scope lies, and that nothing of it is shared."""

import pytest

from mpi.bootstrap import init_scope, open_index, open_scope
from mpi.config import Settings
from mpi.domain.errors import ConflictError, InputError, StoreError
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from mpi.storage.backends.scope_location import is_scope_location, locate_scope
from tests.index import OPERATOR, crosswalk, make_child
from tests.scopes import open_scoped_indexes


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/mpi/mpi.db", "sqlite:////var/mpi/mpi-scope-education.db"),
        (
            # pragma: allowlist nextline secret - a made-up one
            "postgresql+psycopg://u:p%40ss@db/mpi?sslmode=require",
            # pragma: allowlist nextline secret - a made-up one
            "postgresql+psycopg://u:p%40ss@db/mpi?options=-csearch_path%3Dscope_education&sslmode=require",
        ),
        (
            "postgres://u@db/mpi?options=-cwork_mem%3D1GB",
            "postgresql://u@db/mpi?options=-cwork_mem%3D1GB+-csearch_path%3Dscope_education",
        ),
    ],
)
def test_a_scope_lies_beside_the_shared_index(url, expected):
    assert locate_scope(url, "education") == expected
    assert is_scope_location(expected)
    assert not is_scope_location(url)
    assert locate_scope(url, "shared") == url


def test_equal_records_of_two_scopes_share_nothing(tmp_path, database_url):
    scopes = {"education": ("sis",), "child_welfare": ("sis",)}
    with open_scoped_indexes(tmp_path, scopes, database_url=database_url) as indexes:
        first, second = indexes.scopes.values()
        upsert(first, OPERATOR, "sis", make_child("1"))
        assert crosswalk(second) == {}
        upsert(second, OPERATOR, "sis", make_child("1"))
        assert crosswalk(first) != crosswalk(second)
        for index in (first, second):
            with index.database.read(OPERATOR) as unit:
                assert unit.persons.all()[0].id == 1, "numbers are counted in each scope"


def test_a_scope_is_opened_by_its_code_and_created_once(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, {"education": ("sis",)}, database_url=database_url) as indexes:
        settings = Settings(
            home=tmp_path, model=str(tmp_path / "tiny"), database_url=database_url, secret_file=None
        )
        upsert(indexes.scopes["education"], OPERATOR, "sis", make_child("1"))
        opened = open_scope(settings, "education")
        assert crosswalk(opened).keys() == {("sis", "1")}
        opened.database.dispose()
        with pytest.raises(ConflictError, match="education"):
            init_scope(settings, "education", is_test=True)
        with pytest.raises(StoreError, match="mpi "):
            open_scope(settings, "health")
        with pytest.raises(InputError, match="scope's code"):
            open_scope(settings, "../mpi")
        shared = open_index(settings)
        assert crosswalk(shared) == {}
        shared.database.dispose()


def test_a_writer_of_one_scope_does_not_wait_for_another(tmp_path, database_url):
    scopes = {"education": ("sis",), "child_welfare": ("ccwis",)}
    with open_scoped_indexes(tmp_path, scopes, database_url=database_url) as indexes:
        first, second = indexes.scopes.values()
        with first.database.write(OPERATOR, "load") as unit:
            unit.ensure_commit()
            upsert(second, OPERATOR, "ccwis", make_child("1"))
        assert len(crosswalk(second)) == 1


def test_a_client_of_one_scope_does_not_wait_for_its_namesake_in_another(tmp_path, database_url):
    scopes = {"education": ("sis",), "child_welfare": ("ccwis",)}
    with open_scoped_indexes(tmp_path, scopes, database_url=database_url) as indexes:
        first, second = indexes.scopes.values()
        upsert(second, OPERATOR, "ccwis", make_child("1"))
        with first.database.write(OPERATOR, "search") as unit:
            unit.disclosures.lock_client(OPERATOR.client)
            assert search_persons(second, OPERATOR, make_child(None))
