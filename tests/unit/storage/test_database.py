"""What SQLite alone must be told, and how it fails. What both stores do alike: tests/conformance."""

import sqlite3

import pytest
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import operator
from mpi.storage import migrate
from mpi.storage.database import Database


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    yield database
    database.dispose()


def test_commits_are_durable_and_keys_are_enforced(database):
    with database.read(operator()) as unit:
        pragmas = {
            name: unit.connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_full_disk_is_one_line_without_the_statement_and_leaves_nothing(database, tmp_path):
    with pytest.raises(StoreError, match="disk is full") as caught:
        with database.write(operator(), "test") as unit:
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
