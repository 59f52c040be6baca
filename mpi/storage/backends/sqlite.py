"""SQLite: one file, one writer at a time, a snapshot for each reader.

SQLAlchemy opens no transaction for a SELECT on SQLite, so each is begun by hand: a writing unit with BEGIN
IMMEDIATE (the one writer, at once), a reading unit with BEGIN (one snapshot), and any other by event.
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

MAX_CONNECTIONS, POOL_SIZE = 15, 15
"""Connections at a time, and those that are kept open."""
_CACHED_STATEMENTS = 512
"""Statements that each connection keeps compiled."""
BUSY = "the database is busy with another writer: try again"

_POLL_S = 0.0002
"""For upserts of another process: while every millisecond was looked, half a one was lost at each change."""
_SLOW_POLL_AFTER_S, _SLOW_POLL_S = 0.05, 0.001
"""Whoever has held the writer's place for so long does something larger."""


class _Compiler(SQLiteCompiler):
    """SQLAlchemy's own, which leaves hints out: SQLite has no statistics and must be told of some indexes."""

    def get_from_hint_text(self, _table: object, text: str | None) -> str | None:
        """The hint as it stands after the table's name."""
        return text


def open_engine(url: URL, busy_timeout_ms: int) -> Engine:
    """An engine whose every connection is durable and checks its keys."""
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
        hide_parameters=True,
    )
    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        _configure_connection(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A unit of work has begun on the driver.
        if not connection.get_execution_options().get("mpi_unit", False):
            _begin_immediate(connection.connection.driver_connection, busy_timeout_ms)

    return engine


def _begin_immediate(connection: Any, patience_ms: int) -> None:  # noqa: ANN401 - what SQLAlchemy calls it
    """Become the one writer.

    SQLite's own wait looks again after 1, 2, 5, 10, 15, 20, 25 and then up to 100 ms, and so misses the gaps
    that another process leaves between many short transactions.
    """
    since = time.monotonic()
    deadline = since + patience_ms / 1000
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while not _try_begin_immediate(connection, last=time.monotonic() > deadline):
            is_long = time.monotonic() - since > _SLOW_POLL_AFTER_S
            time.sleep(_SLOW_POLL_S if is_long else _POLL_S)
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience_ms}")


def _try_begin_immediate(connection: Any, *, last: bool) -> bool:  # noqa: ANN401
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or "locked" not in str(error):
            raise
        return False
    return True


def _configure_connection(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma, value, expected in (
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", 2),
        ("foreign_keys", "ON", 1),
        # What is expunged must not stay in the file; many builds leave it there. An attached file follows.
        ("secure_delete", "ON", 1),
    ):
        cursor.execute(f"PRAGMA {pragma}={value}")
        got = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
        if got != expected:
            raise StoreError(
                f"SQLite refused {pragma}={value} (it is {got}): put the database on a local disk"
            )
    cursor.execute(f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()


@contextmanager
def transaction(driver: sqlite3.Connection, patience_ms: int, *, writing: bool) -> Iterator[None]:
    """One transaction: the one writer's, or a snapshot; taken back unless it was committed inside."""
    if writing:
        _begin_immediate(driver, patience_ms)
    else:
        driver.execute("BEGIN")
    try:
        yield
    finally:
        driver.rollback()


def is_alive(_session: object) -> bool:
    """A connection to a file does not get lost."""
    return True


def is_reusable(_session: object) -> bool:
    """Nor is it ever left in the middle of a transaction."""
    return True


def explain_error(error: sqlite3.Error) -> str:
    """One line for people, without the statement or its parameters, which hold personal values."""
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
