"""PostgreSQL connections: transactions, the index lock and error messages.

A write transaction is READ COMMITTED on purpose: each statement then sees all that was committed
before it. At a higher level, the snapshot would be taken by the statement that waits for the lock, so
that the commit of the writer before it would stay invisible.
"""

import logging
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from mpi.domain.errors import StoreError
from mpi.domain.tuning import StorageTuning
from mpi.storage.backends.scope_location import SCHEMA_PREFIX
from mpi.storage.backends.sqlite import BUSY
from mpi.storage.driver.compiled_cache import SHARED_CACHE
from mpi.storage.driver.pipeline import Pipeline

INDEX_LOCK = 0x6D70695F696E6478
"""Key of the advisory lock of the shared index: "mpi_indx" in ASCII.

Each scope has a schema and a lock of its own; the key is then a hash of the schema.
"""

_LOCK_SCHEMA = (
    "pg_advisory_xact_lock(CASE WHEN starts_with(current_schema(), :prefix) "
    "THEN hashtextextended(current_schema(), :key) ELSE :key END)"
)
_LOCK = text(f"SELECT {_LOCK_SCHEMA}")
_USE_GENERIC_PLANS = "set_config('plan_cache_mode', 'force_generic_plan', true)"
_LOCK_FOR_SMALL_STEP = text(f"SELECT {_USE_GENERIC_PLANS}, {_LOCK_SCHEMA}")
_LOCK_WITH_LATE_SYNC = text(
    f"SELECT {_USE_GENERIC_PLANS}, set_config('synchronous_commit', 'off', true), {_LOCK_SCHEMA}"
)

_BEGIN_WRITING = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_BEGIN_READING = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_SERVER_PROCESSES = text(
    "SELECT pid, usename, datname, client_port FROM pg_stat_activity "
    "WHERE application_name = ANY(:names) AND client_addr IS NOT DISTINCT FROM inet_client_addr() "
    "AND usename IS NOT NULL AND datname IS NOT NULL AND client_port IS NOT NULL"  # no ending ones
)

_DISABLED_TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
_VERSION_17 = 170_000

_CONNECT_TIMEOUT_S = 10
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_COUNT = 30, 10, 3
"""TCP keepalive of both ends; TCP's default is two hours.

A machine that loses power sends nothing. The server would keep its locks, and a client would wait for
a server that is gone. A living peer answers, however long a statement takes.
"""
_DEAD_PEER_TIMEOUT_MS = 1000 * (_KEEPALIVE_IDLE_S + _KEEPALIVE_INTERVAL_S * _KEEPALIVE_COUNT)
_KEEPALIVE = {
    "keepalives_idle": _KEEPALIVE_IDLE_S,
    "keepalives_interval": _KEEPALIVE_INTERVAL_S,
    "keepalives_count": _KEEPALIVE_COUNT,
}
_USER_TIMEOUT = {"tcp_user_timeout": _DEAD_PEER_TIMEOUT_MS}
POOL_SIZE = 10
"""Most idle connections kept open."""
_IDLE_CHECK_S = 2.0
_CONNECTION_CLASS = "08"

_MESSAGES_BY_SQLSTATE = {
    "53100": "the database server's disk is full: nothing of this step was kept; free space and run it again",
    "53300": "the database server takes no more connections: try again, or raise its max_connections",
    "55P03": BUSY,
    "57014": "the database server ended the step before it was done; nothing of it was kept",
    "40001": BUSY,
    "40P01": BUSY,
    "57P01": "the database server is stopping: try again when it is back; nothing of this step was kept",
    "57P02": "the database server is stopping: try again when it is back; nothing of this step was kept",
    "57P03": "the database server is starting or stopping: try again",
    "42P01": "the database is not of this version: run mpi db upgrade",
    "42703": "the database is not of this version: run mpi db upgrade",
    "42501": "the database user of MPI_DATABASE_URL lacks a privilege: docs/how-to/postgresql.md lists them",
    "25006": "the database server is read-only, as a standby is: set MPI_DATABASE_URL to the one that writes",
    "XX001": "the database is damaged: restore a backup",
    "XX002": "the database is damaged: restore a backup",
    "28P01": "the database server refused the password in MPI_DATABASE_URL",
    "28000": "the database server does not let the user of MPI_DATABASE_URL in: see its pg_hba.conf",
    "3D000": "there is no such database on the server: create it, as docs/how-to/postgresql.md says",
}
"""Error messages for people, by SQLSTATE."""

_CONNECT_ERRORS = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("pg_hba.conf", "28000"),
    ("too many clients", "53300"),
    ("too many connections", "53300"),
    ("remaining connection slots", "53300"),
    ("is starting up", "57P03"),
    ("is shutting down", "57P03"),
    ("does not exist", "3D000"),
)
"""English server messages and their SQLSTATE, where libpq gives none on connecting."""


@contextmanager
def transaction(pipeline: Pipeline, *, writing: bool) -> Iterator[None]:
    """Run a PostgreSQL transaction that the first statement begins.

    It is rolled back unless it was committed inside. This saves the round trips of statements without
    results, nearly half of those of a resolve. An error of such a statement is raised at the next result,
    at the latest at the commit.
    """
    pipeline.begin(_BEGIN_WRITING if writing else _BEGIN_READING)
    try:
        yield
    except BaseException:  # Ctrl-C too
        pipeline.take_back()
        raise


@contextmanager
def autocommit(pipeline: Pipeline) -> Iterator[None]:
    """Run each statement as its own transaction, in one round trip."""
    pipeline.begin(None)
    try:
        yield
        pipeline.end()
    except BaseException:  # Ctrl-C too
        pipeline.take_back()
        raise


def open_engine(url: URL, tuning: StorageTuning) -> Engine:
    """Create a PostgreSQL engine with durable commits and bounded lock waits.

    Args:
        url: URL of the database.
        tuning: wait for a lock or a connection, and number of connections.
    """
    busy_timeout_ms = tuning.busy_timeout_ms
    options = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": _application_name(os.getpid())}
    defaults = options | _KEEPALIVE | _USER_TIMEOUT
    # psycopg's error log would hold personal values.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in defaults.items() if name not in url.query},
        pool_size=POOL_SIZE,
        max_overflow=max(0, tuning.postgresql_connections - POOL_SIZE),
        pool_timeout=busy_timeout_ms / 1000,
        pool_use_lifo=True,
        hide_parameters=True,
        execution_options={"compiled_cache": SHARED_CACHE},
    )

    @event.listens_for(engine, "connect", insert=True)
    def _connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        _configure_connection(connection, busy_timeout_ms)

    return engine


def is_alive(session: Any) -> bool:  # noqa: ANN401 - a session
    """Return whether an idle connection still works.

    A recently used connection is not checked, since a check costs a round trip.
    """
    if time.monotonic() - session.idle_since < _IDLE_CHECK_S:
        return True
    try:
        session.dialect.do_ping(session.driver)
    except psycopg.Error:
        return False
    return True


def is_reusable(session: Any) -> bool:  # noqa: ANN401 - a session
    """Return whether a connection is alive and outside any transaction."""
    return not session.driver.closed and session.driver.info.transaction_status == TransactionStatus.IDLE


def _configure_connection(connection: psycopg.Connection[Any], busy_timeout_ms: int) -> None:
    """Check and set what durability and isolation of a connection depend on."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database is encoded in {encoding}: create one WITH ENCODING 'UTF8'")
    connection.autocommit = True
    if connection.execute("SELECT current_setting('fsync')").fetchone() != ("on",):
        raise StoreError("the database server runs with fsync off, and would lose what it has acknowledged")
    settings = {"synchronous_commit": "on", "lock_timeout": str(int(busy_timeout_ms))}
    # Keepalive of the server's end; without effect on a local socket.
    settings |= {f"tcp_{name}": str(value) for name, value in _KEEPALIVE.items()}
    settings |= {name: str(value) for name, value in _USER_TIMEOUT.items()}
    # A re-cluster computes for long inside a transaction, and a load of millions writes for long.
    settings |= dict.fromkeys(
        _DISABLED_TIMEOUTS if connection.info.server_version >= _VERSION_17 else _DISABLED_TIMEOUTS[:2], "0"
    )
    connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
    connection.autocommit = False


def create_schema(connection: Connection) -> None:
    """Create the schema of a scope if it does not exist."""
    [search_path] = connection.exec_driver_sql("SELECT current_setting('search_path')").one()
    exists = connection.execute(
        text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": search_path}
    ).scalar()
    # Without CREATE on the database, its owner may have made the schema before.
    if search_path.startswith(SCHEMA_PREFIX) and not exists:
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{search_path}"')


def lock_index(connection: Connection, *, is_small: bool = False, sync_after: bool = False) -> None:
    """Take the lock that one writer of the index holds.

    It is held until the transaction ends.

    Args:
        connection: connection with an open transaction.
        is_small: whether the transaction concerns a few records. PostgreSQL then plans each statement
            once a session. By default it plans most of them anew for each list of records, which takes a
            third of its time. Unsuited to large steps, since an unknown range is then read completely.
        sync_after: for a small transaction, whether the next writer need not wait for the disk. The
            changes are made durable after the commit, by ``Pipeline.commit``, before anybody is answered.
    """
    small_step_lock = _LOCK_WITH_LATE_SYNC if sync_after else _LOCK_FOR_SMALL_STEP
    connection.execute(small_step_lock if is_small else _LOCK, {"key": INDEX_LOCK, "prefix": SCHEMA_PREFIX})


def server_processes_of(connection: Connection, processes: Collection[int]) -> list[int]:
    """Return server processes that work for given clients on this machine.

    Empty if the server runs on another machine.

    Args:
        connection: any open connection.
        processes: process IDs of clients on this machine.
    """
    rows = connection.execute(
        _SERVER_PROCESSES, {"names": [_application_name(process) for process in processes]}
    )
    return [row[0] for row in rows if _is_local_server_process(*row)]


def _application_name(process: int) -> str:
    return f"mpi {process}"


def _is_local_server_process(process: int, user: str, database: str, port: int) -> bool:
    """Return whether a process ID on this machine is a PostgreSQL backend.

    If the server runs elsewhere, the same number is another program here.
    """
    try:
        title = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    client_port = "[local]" if port < 0 else f"({port})"
    identity = f" {user} {database} ".encode()
    return title.startswith(b"postgres: ") and identity in title and client_port.encode() in title


def use_byte_collation(connection: Connection) -> None:
    """Give every text column the collation "C".

    Order must not depend on a server's locale. Run after each upgrade instead of in a migration, so that
    no migration can forget a column.
    """
    columns = connection.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND data_type = 'text' "
            "AND collation_name IS DISTINCT FROM 'C' ORDER BY 1, 2"
        )
    ).all()
    columns_by_table: dict[str, list[str]] = {}
    for table, column in columns:
        columns_by_table.setdefault(table, []).append(f'ALTER COLUMN "{column}" TYPE text COLLATE "C"')
    for table, alterations in columns_by_table.items():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(alterations)}')


def explain_error(error: BaseException, *, lost: bool) -> str:
    """Describe a database error in one line, without personal values.

    The statement and its parameters are left out.

    Args:
        error: exception of psycopg.
        lost: whether an open connection was lost.
    """
    state = getattr(error, "sqlstate", None)
    if state is None and not lost:
        return _explain_connection_error(str(error))
    if state is None or state.startswith(_CONNECTION_CLASS):
        return "the connection to the database server was lost; nothing of this step was kept: try again"
    return _MESSAGES_BY_SQLSTATE.get(
        state, f"the database refused the step ({type(error).__name__}, {state}); nothing of it was kept"
    )


def _explain_connection_error(message: str) -> str:
    for words, state in _CONNECT_ERRORS:
        if words in message:
            return _MESSAGES_BY_SQLSTATE[state]
    if "connection" in message or "server" in message or "host" in message:
        return "the database server of MPI_DATABASE_URL cannot be reached: is it up, and the address right?"
    return "the database driver refused the step; nothing of it was kept"
