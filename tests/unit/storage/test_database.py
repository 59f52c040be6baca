"""The database: transactions, commit numbers, migrations."""

import sqlite3
import threading

import pytest
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import operator
from mpi.storage import migrate
from mpi.storage.database import Database
from mpi.storage.migrate import SchemaState


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    yield database
    database.dispose()


def test_a_new_database_reaches_this_version_and_declares_what_the_program_declares(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    assert migrate.state(database) is SchemaState.MISSING
    assert migrate.upgrade(database) is SchemaState.MISSING
    assert migrate.state(database) is SchemaState.CURRENT
    assert migrate.drift(database) == []
    assert migrate.upgrade(database) is SchemaState.CURRENT
    database.dispose()


def test_a_database_from_a_newer_version_is_refused(database):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.state(database) is SchemaState.NEWER
    with pytest.raises(StoreError, match="newer version"):
        migrate.upgrade(database)
    with pytest.raises(StoreError, match="newer version"):
        migrate.require_current(database)


def test_commits_are_durable_and_keys_are_enforced(database):
    with database.read(operator()) as unit:
        pragmas = {
            name: unit.connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_an_error_inside_a_unit_leaves_nothing_and_its_number_is_given_again(database):
    def number():
        with database.write(operator(), "test") as unit:
            return unit.commit_no

    assert number() == 1
    with pytest.raises(RuntimeError), database.write(operator(), "test") as unit:
        assert unit.commit_no == 2
        raise RuntimeError
    assert number() == 2


def test_a_reading_unit_sees_one_snapshot(database):
    with database.read(operator()) as reader:
        before = reader.connection.execute(text("SELECT count(*) FROM commit_log")).scalar()
        with database.write(operator(), "test") as unit:
            assert unit.commit_no
        assert reader.connection.execute(text("SELECT count(*) FROM commit_log")).scalar() == before


def test_concurrent_writers_take_consecutive_numbers(database):
    taken = []

    def work():
        for _ in range(10):
            with database.write(operator(), "test") as unit:
                taken.append(unit.commit_no)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 41))


def test_a_commit_never_looks_earlier_than_the_one_before_it(database, monkeypatch):
    moments = iter(["2026-05-01T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"])
    monkeypatch.setattr("mpi.storage.unit.clock.iso", lambda _moment: next(moments))
    for _ in range(2):
        with database.write(operator(), "test") as unit:
            assert unit.commit_no
    with database.read(operator()) as unit:
        assert [unit.commit_info({n})[n][0][:10] for n in (1, 2)] == ["2026-05-01", "2026-05-01"]


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
