"""Units of work, commit numbers and migrations: the same on both stores."""

import os
import threading

import pytest
from sqlalchemy import text

from mpi.domain.errors import InputError, StoreError
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.migrate import SchemaState
from mpi.storage.unit_of_work.database import Database
from tests.conftest import STORES


@pytest.fixture(params=STORES)
def nowhere(request, tmp_path):
    """The URL of a database that has no schema yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mpi.db'}"
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def database(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    yield database
    database.dispose()


def test_a_new_database_reaches_this_version_and_declares_what_the_program_declares(nowhere):
    database = Database(nowhere)
    assert migrate.schema_state(database) is SchemaState.MISSING
    assert migrate.upgrade(database) is SchemaState.MISSING
    assert migrate.schema_state(database) is SchemaState.CURRENT
    assert migrate.schema_drift(database) == []
    assert migrate.upgrade(database) is SchemaState.CURRENT
    database.dispose()


def test_a_database_from_a_newer_version_is_refused(nowhere):
    database = Database(nowhere)
    migrate.upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.schema_state(database) is SchemaState.NEWER
    with pytest.raises(StoreError, match="newer version"):
        migrate.upgrade(database)
    with pytest.raises(StoreError, match="newer version"):
        migrate.require_current(database)
    database.dispose()


def test_an_error_inside_a_unit_leaves_nothing_and_its_number_is_given_again(database):
    def number():
        with database.write(make_operator(), "test") as unit:
            return unit.commit_no

    assert number() == 1
    with pytest.raises(RuntimeError), database.write(make_operator(), "test") as unit:
        assert unit.commit_no == 2
        raise RuntimeError
    assert number() == 2


def test_a_reading_unit_sees_one_snapshot(database):
    with database.read(make_operator()) as reader:
        before = reader.connection.execute(text("SELECT count(*) FROM commit_log")).scalar()
        with database.write(make_operator(), "test") as unit:
            assert unit.commit_no
        assert reader.connection.execute(text("SELECT count(*) FROM commit_log")).scalar() == before


def test_concurrent_writers_take_consecutive_numbers(database):
    taken = []

    def work():
        for _ in range(10):
            with database.write(make_operator(), "test") as unit:
                taken.append(unit.commit_no)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 41))


def test_a_commit_never_looks_earlier_than_the_one_before_it(database, monkeypatch):
    moments = iter(["2026-05-01T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"])
    monkeypatch.setattr("mpi.storage.unit_of_work.unit.clock.iso", lambda _moment: next(moments))
    for _ in range(2):
        with database.write(make_operator(), "test") as unit:
            assert unit.commit_no
    with database.read(make_operator()) as unit:
        assert [unit.commit_info({n})[n][0][:10] for n in (1, 2)] == ["2026-05-01", "2026-05-01"]


def test_numbers_are_consecutive_though_the_writers_share_no_process(database):
    """Each writer has a connection pool of its own, as another process has."""
    others = [Database(database.engine.url.render_as_string(hide_password=False)) for _ in range(3)]
    taken = []

    def work(mine):
        for _ in range(10):
            with mine.write(make_operator(), "test") as unit:
                number = unit.commit_no
            taken.append(number)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        assert not thread.is_alive()
    for other in others:
        other.dispose()
    assert sorted(taken) == list(range(1, 31))


def test_a_counter_gives_each_number_once_and_counts_from_one(database):
    with database.write(make_operator(), "test") as unit:
        assert unit.counters.take("a") == 1
        assert unit.counters.take("a", 5) == 2
        assert unit.counters.take("a") == 7
        assert unit.counters.take("b", 3) == 1
    with database.write(make_operator(), "test") as unit:
        assert unit.counters.take("b") == 4


@pytest.mark.parametrize(
    "url", ["mysql://somebody:hunter2@host/mpi", "hunter2", "", "postgresql://u:hunter2@host:port/db"]
)
def test_a_url_of_no_store_is_refused_without_being_told(url):
    with pytest.raises(InputError, match="MPI_DATABASE_URL") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_goes_by_each_of_its_names(name):
    database = Database(f"{name}://somebody@host/mpi")
    assert database.is_postgresql
    assert database.engine.dialect.driver == "psycopg"


def test_the_servers_processes_that_work_for_this_one_are_known_where_they_are_on_this_machine(database):
    with database.read(make_operator()) as unit:
        mine = {unit.connection.scalar(text("SELECT pg_backend_pid()"))} if database.is_postgresql else set()
        found = set(database.server_processes_of(make_operator(), [os.getpid()]))
    assert mine <= found
    assert bool(found) == database.is_postgresql
    assert database.server_processes_of(make_operator(), [1]) == []
