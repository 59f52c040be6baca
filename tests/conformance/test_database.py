"""Units of work, commit numbers and migrations work alike on both stores."""

import os
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from mpi.domain.errors import InputError, StoreError
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.migrate import SchemaState
from mpi.storage.unit_of_work.database import Database
from tests.conftest import STORES


@pytest.fixture(params=STORES)
def empty_database_url(request, tmp_path):
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mpi.db'}"
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop(name)


def test_a_new_database_reaches_the_current_schema_without_drift(empty_database_url):
    database = Database(empty_database_url)
    assert migrate.schema_state(database) is SchemaState.MISSING
    assert migrate.upgrade(database) is SchemaState.MISSING
    assert migrate.schema_state(database) is SchemaState.CURRENT
    assert migrate.schema_drift(database) == []
    assert migrate.upgrade(database) is SchemaState.CURRENT
    database.dispose()


def test_a_database_of_a_newer_version_is_refused(empty_database_url):
    database = Database(empty_database_url)
    migrate.upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.schema_state(database) is SchemaState.NEWER
    with pytest.raises(StoreError, match="newer version"):
        migrate.upgrade(database)
    with pytest.raises(StoreError, match="newer version"):
        migrate.require_current(database)
    database.dispose()


def test_a_failed_unit_writes_nothing_and_its_commit_number_is_reused(database):
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


def test_concurrent_writers_take_consecutive_commit_numbers(database):
    numbers = []

    def work():
        for _ in range(10):
            with database.write(make_operator(), "test") as unit:
                numbers.append(unit.commit_no)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 41))


def test_a_commit_time_never_precedes_the_previous_commit_time(database, manual_clock):
    for moment in (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)):
        manual_clock.now = moment
        with database.write(make_operator(), "test") as unit:
            assert unit.commit_no
    with database.read(make_operator()) as unit:
        assert [unit.commit_info({n})[n][0][:10] for n in (1, 2)] == ["2026-05-01", "2026-05-01"]


def test_writers_of_different_processes_take_consecutive_commit_numbers(database):
    """Each writer has a connection pool of its own, as another process has."""
    databases = [Database(database.engine.url.render_as_string(hide_password=False)) for _ in range(3)]
    numbers = []

    def work(own_database):
        for _ in range(10):
            with own_database.write(make_operator(), "test") as unit:
                number = unit.commit_no
            numbers.append(number)

    threads = [threading.Thread(target=work, args=(own_database,)) for own_database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        assert not thread.is_alive()
    for other_database in databases:
        other_database.dispose()
    assert sorted(numbers) == list(range(1, 31))


def test_a_counter_gives_each_number_once_starting_from_one(database):
    with database.write(make_operator(), "test") as unit:
        assert unit.counters.take("a") == 1
        assert unit.counters.take("a", 5) == 2
        assert unit.counters.take("a") == 7
        assert unit.counters.take("b", 3) == 1
    with database.write(make_operator(), "test") as unit:
        assert unit.counters.take("b") == 4


@pytest.mark.parametrize(
    "url",
    # pragma: allowlist nextline secret - a made-up one
    ["mysql://somebody:hunter2@host/mpi", "hunter2", "", "postgresql://u:hunter2@host:port/db"],
)
def test_an_invalid_database_url_is_refused_without_quoting_it(url):
    with pytest.raises(InputError, match="MPI_DATABASE_URL") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_postgresql_url_scheme_is_accepted(name):
    database = Database(f"{name}://somebody@host/mpi")
    assert database.is_postgresql
    assert database.engine.dialect.driver == "psycopg"


def test_server_processes_of_local_connections_are_found(database):
    with database.read(make_operator()) as unit:
        own_backend = (
            {unit.connection.scalar(text("SELECT pg_backend_pid()"))} if database.is_postgresql else set()
        )
        server_processes = set(database.server_processes_of(make_operator(), [os.getpid()]))
    assert own_backend <= server_processes
    assert bool(server_processes) == database.is_postgresql
    assert database.server_processes_of(make_operator(), [1]) == []
