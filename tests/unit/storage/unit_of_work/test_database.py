"""Settings and errors specific to SQLite; tests/conformance has what both stores share."""

import sqlite3

import pytest
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import expunge, load_rows, many_children, open_test_index


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    yield database
    database.dispose()


def test_commits_are_durable_and_foreign_keys_are_enforced(database):
    with database.read(make_operator()) as unit:
        pragmas = {
            name: unit.connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


@pytest.fixture
def without_secure_delete(monkeypatch):
    """SQLite as other builds have it: deleted content stays in the file until it is overwritten."""
    connect = sqlite3.dbapi2.connect

    def connect_without(*args, **options):
        connection = connect(*args, **options)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect_without)


@pytest.mark.usefixtures("without_secure_delete")
def test_deleted_content_is_overwritten_in_both_files_whatever_the_builds_default(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    for own_database, path in ((database, tmp_path / "mpi.db"), (database.ledger, database.ledger_path)):
        with own_database.engine.begin() as connection:
            connection.execute(text("INSERT INTO counter (name, next) VALUES ('Xanthippe', 1)"))
        assert b"Xanthippe" in file_content(own_database, path)
        with own_database.engine.begin() as connection:
            connection.execute(text("DELETE FROM counter WHERE name = 'Xanthippe'"))
        assert b"Xanthippe" not in file_content(own_database, path)
    with database.read(make_operator()) as unit:
        for name in ("main", "ledger"):
            assert unit.connection.execute(text(f"PRAGMA {name}.secure_delete")).scalar() == 1
    database.dispose()


def file_content(database, path):
    """Return the content of the closed database file, its log included."""
    database.engine.dispose()
    return path.read_bytes()


@pytest.mark.usefixtures("without_secure_delete")
def test_an_expunged_name_leaves_the_file_whatever_the_builds_default(tmp_path):
    child = {"local_id": "1", "first_name": "Xanthippe", "birth_date": "2011-02-03"}
    with open_test_index(tmp_path, "sis", of_earlier_release=True) as index:
        load_rows(index, "sis", child, *many_children(3))
        index.database.dispose()
        assert b"Xanthippe" in (tmp_path / "mpi.db").read_bytes()
        expunge(index, "sis", child)
        index.database.dispose()
        assert b"anthippe" not in (tmp_path / "mpi.db").read_bytes()


def test_a_full_disk_gives_one_error_line_without_the_statement_and_keeps_nothing(database, tmp_path):
    with pytest.raises(StoreError, match="disk is full") as caught:
        with database.write(make_operator(), "test") as unit:
            pages = unit.connection.execute(text("PRAGMA page_count")).scalar()
            unit.connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
            for number in range(2000):
                unit.connection.execute(
                    text("INSERT INTO counter (name, next) VALUES (:name, 1)"),
                    {"name": f"private {number}" * 20},
                )
    assert "private" not in str(caught.value)
    plain = sqlite3.connect(tmp_path / "mpi.db")
    assert plain.execute("SELECT count(*) FROM counter").fetchone() == (0,)
    plain.close()
