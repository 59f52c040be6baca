"""SQLite connections: transactions, pragmas and error messages.

SQLite has one file, one writer at a time and a snapshot for each reader. SQLAlchemy opens no
transaction for a SELECT on SQLite, so each transaction is begun explicitly: a write unit with BEGIN
IMMEDIATE, which takes the writer lock at once, a read unit with BEGIN, which takes a snapshot, and
any other by an event.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from mpi.domain.errors import StoreError
from mpi.storage.backends.checkpoint_thread import AUTOCHECKPOINT_PAGES
from mpi.storage.driver.compiled_cache import SHARED_CACHE

MAX_CONNECTIONS, POOL_SIZE = 15, 15
"""Maximum number of connections, and of idle ones kept open."""
_CACHED_STATEMENTS = 512
"""Compiled statements that each connection keeps."""
BUSY = "the database is busy with another writer: try again"
"""Message when the writer lock is not free in time."""

_POLL_S = 0.0002
"""Seconds between attempts to take the writer lock from another process.

Attempts every millisecond lost half a millisecond at each change of writer.
"""
_SLOW_POLL_AFTER_S, _SLOW_POLL_S = 0.05, 0.001
"""Seconds between attempts once the writer has held the lock for ``_SLOW_POLL_AFTER_S``."""


class _Compiler(SQLiteCompiler):
    """SQLAlchemy's SQLite compiler with index hints.

    SQLite has no statistics here, so some queries must name their index.
    """

    def get_from_hint_text(self, _table: object, text: str | None) -> str | None:
        """Return the hint as SQL text that follows the table's name."""
        return text


def open_engine(url: URL, busy_timeout_ms: int) -> Engine:
    """Create an SQLite engine with durable commits and enforced foreign keys.

    Args:
        url: URL of the database.
        busy_timeout_ms: milliseconds to wait for a lock or a connection.
    """
    engine = create_engine(
        url,
        connect_args={
            "timeout": busy_timeout_ms / 1000,
            "check_same_thread": False,
            "cached_statements": _CACHED_STATEMENTS,
            "uri": True,
        },
        pool_size=POOL_SIZE,
        max_overflow=MAX_CONNECTIONS - POOL_SIZE,
        # Each connection caches pages of its own: calls that follow each other use one and the same.
        pool_use_lifo=True,
        hide_parameters=True,
        execution_options={"compiled_cache": SHARED_CACHE},
    )
    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        _configure_connection(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Units of work begin their transaction on the driver.
        if not connection.get_execution_options().get("mpi_unit", False):
            _begin_immediate(connection.connection.driver_connection, busy_timeout_ms)

    return engine


def _begin_immediate(connection: Any, patience_ms: int) -> None:  # noqa: ANN401 - what SQLAlchemy calls it
    """Take SQLite's writer lock and begin a transaction.

    SQLite's own wait retries after 1, 2, 5, 10, 15, 20, 25 and then up to 100 ms. It misses the gaps that
    another process leaves between many short transactions.
    """
    started_at = time.monotonic()
    deadline = started_at + patience_ms / 1000
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while not _try_begin_immediate(connection, is_last_attempt=time.monotonic() > deadline):
            is_long = time.monotonic() - started_at > _SLOW_POLL_AFTER_S
            time.sleep(_SLOW_POLL_S if is_long else _POLL_S)
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience_ms}")


def _try_begin_immediate(connection: sqlite3.Connection, *, is_last_attempt: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last_attempt or "locked" not in str(error):
            raise
        return False
    return True


def _configure_connection(connection: sqlite3.Connection) -> None:
    """Set and verify what an SQLite connection's durability and integrity need."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma, value, expected in (
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", 2),
        ("foreign_keys", "ON", 1),
        # Expunged data must not stay in the file, as by default. An attached file follows the setting.
        ("secure_delete", "ON", 1),
    ):
        cursor.execute(f"PRAGMA {pragma}={value}")
        actual = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
        if actual != expected:
            raise StoreError(
                f"SQLite refused {pragma}={value} (it is {actual}): put the database on a local disk"
            )
    cursor.execute(f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()


@contextmanager
def transaction(driver: sqlite3.Connection, patience_ms: int, *, writing: bool) -> Iterator[None]:
    """Run an SQLite write or read transaction; roll back unless committed inside."""
    if writing:
        _begin_immediate(driver, patience_ms)
    else:
        driver.execute("BEGIN")
    try:
        yield
    finally:
        driver.rollback()


def is_alive(_session: object) -> bool:
    """Return True: a connection to a database file is never lost."""
    return True


def is_reusable(_session: object) -> bool:
    """Return True: an SQLite session is returned with no transaction open."""
    return True


def explain_error(error: sqlite3.Error) -> str:
    """Describe a database error in one line, without personal values.

    The statement and its parameters are left out.
    """
    text = str(error)
    if "disk is full" in text or "disk I/O" in text:
        return "the disk is full or failing: nothing of this step was kept; free space and run it again"
    if "not a database" in text or "malformed" in text:
        return "the database file is damaged, or is none: restore a backup"
    if "unable to open" in text or "readonly" in text:
        return "the database cannot be opened for writing: are its file and folder there, and yours?"
    if "locked" in text:
        return BUSY
    if "no such table" in text or "no such column" in text:
        return "the database is not of this version: run mpi db upgrade"
    return f"the database refused the step ({type(error).__name__}); nothing of it was kept"
