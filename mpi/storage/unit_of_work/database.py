"""The database: an engine for SQLite or PostgreSQL, and units of work on it."""

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from pathlib import Path

import psycopg
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mpi.domain.errors import InputError, StoreError
from mpi.domain.viewer import Viewer
from mpi.storage.backends import ledger_file, postgresql, sqlite
from mpi.storage.backends.checkpoint_thread import Checkpointer
from mpi.storage.driver.pipeline import NotDurableError
from mpi.storage.unit_of_work.session import DatabaseSession, SessionPool
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit, WriteUnits

BUSY_TIMEOUT_MS = 30_000
_CONNECTION_LOST = (
    "the connection to the database was lost at the commit: the step was kept whole or not at all; "
    "look, or send it again"
)
_DRIVER_ERRORS = (DBAPIError, sqlite3.Error, psycopg.Error)
"""What a driver raises, through SQLAlchemy or not."""
_ANSWER_UNREADABLE = "the step was kept, but its answer could not be read from the database: send it again"
_NOT_DURABLE = "the step was kept, but not on the disk as far as is known: look, or send it again"


class Lock(Enum):
    """What a writing unit keeps others from.

    SQLite has one writer, whatever is asked.
    """

    INDEX = "index"
    """Nobody else writes to the index meanwhile."""
    NONE = "none"
    """For what only adds rows of its own, as the ledger does; ``ledger`` has a writer of its own on both."""


class Database:
    """Where one index is kept.

    Args:
        url: an SQLAlchemy URL, ``sqlite:///path`` or ``postgresql+psycopg://…``.
        is_ledger: whether it is but the ledger's file of an index in SQLite.

    Attributes:
        ledger: where lines of the ledger are written; on PostgreSQL the database itself.
        is_commit_begun: whether the last writing unit has come to its commit, so that stopping it now may be
            too late.
        committed_units: how many writing units of the index have been committed.

    Raises:
        InputError: the URL is neither.
    """

    def __init__(self, url: str, *, is_ledger: bool = False) -> None:
        self.url = url
        parsed = _parse_url(url)
        self.is_postgresql = parsed.get_backend_name() == "postgresql"
        self.engine = _open_engine(parsed)
        self.is_commit_begun = False
        self.committed_units = 0
        self._writer_lock = threading.Lock()
        path = sqlite_path(url)
        self.ledger_path = None if path is None or is_ledger else ledger_file.ledger_path_of(path)
        self.ledger = self if self.ledger_path is None else _open_ledger(self.ledger_path)
        self._sessions = _open_session_pool(self.engine, self.ledger_path)
        self._checkpointer = None if path is None else Checkpointer(path)

    @contextmanager
    def read(self, viewer: Viewer) -> Iterator[ReadUnit]:
        """One consistent snapshot; nothing can be written in it."""
        with self._open_session(writing=False) as session:
            yield ReadUnit(session, viewer)
            # There is nothing to undo, and at a rollback psycopg forgets the statements it has prepared.
            session.commit()

    @contextmanager
    def read_autocommit(self, viewer: Viewer) -> Iterator[ReadUnit]:
        """For what one statement does: each is its own snapshot, and kept once it is answered."""
        lent = self._sessions.lend(BUSY_TIMEOUT_MS / 1000)
        with translate_errors(), lent as session, self._autocommit(session):
            yield ReadUnit(session, viewer)

    def read_optimistic(self, viewer: Viewer) -> AbstractContextManager[ReadUnit]:
        """For what is looked at again before it counts: it may be of several moments, in the order asked.

        On PostgreSQL that takes a round trip less than a snapshot.
        """
        return self.read_autocommit(viewer) if self.is_postgresql else self.read(viewer)

    def _autocommit(self, session: DatabaseSession) -> AbstractContextManager[None]:
        return nullcontext() if session.pipeline is None else postgresql.autocommit(session.pipeline)

    @contextmanager
    def write(self, viewer: Viewer, kind: str, lock: Lock = Lock.INDEX) -> Iterator[WriteUnit]:
        """One transaction: committed on a clean exit, rolled back on any other; nobody else commits.

        Args:
            viewer: who acts; goes on the commit.
            kind: what is done, such as ``upsert`` or ``load``.
            lock: what it keeps others from.
        """
        with self.write_group(lock) as unit:
            yield unit(viewer, kind)

    @contextmanager
    def write_group(
        self, lock: Lock = Lock.INDEX, *, is_small: bool = False, is_contended: bool = False
    ) -> Iterator[WriteUnits]:
        """One transaction of several units, one after the other, kept whole or not at all.

        Args:
            lock: what it keeps others from.
            is_small: whether each is about a few records; see ``postgresql.lock_index``.
            is_contended: of small ones, whether others wait for it: on PostgreSQL not for the disk too.

        Yields what begins the next unit, given its viewer and kind; each has a commit number of its own.
        """
        with self._writer_turn(lock), self._open_session(writing=True) as session:
            if self.is_postgresql and lock is Lock.INDEX:
                postgresql.lock_index(session, small=is_small, durable_after=is_contended)
            self.is_commit_begun = False
            units = WriteUnits(session, is_only_writer=lock is Lock.INDEX or not self.is_postgresql)
            yield units
            units.flush()
            self.is_commit_begun = True
            _commit(session, durable_after=is_contended and lock is Lock.INDEX)
            self.committed_units += lock is Lock.INDEX
            if self._checkpointer is not None:
                self._checkpointer.count_commit()
            if units.has_callbacks:
                self._run_after_commit(session, units)

    def _run_after_commit(self, session: DatabaseSession, units: WriteUnits) -> None:
        try:
            with self._autocommit(session):
                units.run_callbacks()
        except _DRIVER_ERRORS as error:
            raise StoreError(_ANSWER_UNREADABLE) from error

    @contextmanager
    def _writer_turn(self, lock: Lock) -> Iterator[None]:
        """Queue behind this process's other writers, holding no connection meanwhile.

        SQLite's own wait polls and starves some. Measured: 8 threads, reads on the ledger and upserts, p99
        430 ms by polling, 75 ms in turn.
        """
        if self.is_postgresql and lock is Lock.NONE:
            yield
            return
        if not self._writer_lock.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise StoreError(sqlite.BUSY)
        try:
            yield
        finally:
            self._writer_lock.release()

    @contextmanager
    def _open_session(self, *, writing: bool) -> Iterator[DatabaseSession]:
        lent = self._sessions.lend(BUSY_TIMEOUT_MS / 1000)
        with translate_errors(), lent as session, self._transaction(session, writing=writing):
            yield session

    def _transaction(self, session: DatabaseSession, *, writing: bool) -> AbstractContextManager[None]:
        if session.pipeline is not None:
            return postgresql.transaction(session.pipeline, writing=writing)
        return sqlite.transaction(session.driver, BUSY_TIMEOUT_MS, writing=writing)

    def server_processes_of(self, viewer: Viewer, processes: Collection[int]) -> list[int]:
        """Processes of the database server that work for some of this machine, where they are on it too."""
        if not self.is_postgresql:
            return []
        with self.read_autocommit(viewer) as unit:
            return postgresql.server_processes_of(unit.connection, processes)

    def checkpoint_in_process(self) -> AbstractContextManager[None]:
        """For a long work: what SQLite's log is copied by then spares the disk; PostgreSQL's own does."""
        return nullcontext() if self._checkpointer is None else self._checkpointer.use_own_process()

    def truncate_log(self) -> None:
        """Empty SQLite's log, between two parts of a long work; PostgreSQL recycles its own."""
        if self._checkpointer is not None:
            self._checkpointer.truncate_log()

    def dispose(self) -> None:
        """Close every pooled connection."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
        self._sessions.close()
        self.engine.dispose()
        if self.ledger is not self:
            self.ledger.dispose()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what a driver raises into one line for people.

    Raises:
        StoreError: the database is missing, full, locked, damaged, or refused a step.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreError(sqlite.BUSY) from error
    except _DRIVER_ERRORS as error:
        raise StoreError(_explain_driver_error(error)) from error


def sqlite_path(url: str) -> Path | None:
    """The file behind an SQLite URL; None for another store."""
    parsed = _parse_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _parse_url(url: str) -> URL:
    # Neither the URL nor what SQLAlchemy says of it is told: it may hold a password.
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1) if _uses_postgres_scheme(url) else url)
    except (ArgumentError, ValueError):
        raise InputError(_INVALID_URL) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InputError(_INVALID_URL)
    return parsed


_INVALID_URL = "MPI_DATABASE_URL: not sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"


def _uses_postgres_scheme(url: str) -> bool:
    return url.startswith("postgres://")


def _open_engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return postgresql.open_engine(url, BUSY_TIMEOUT_MS)
    return sqlite.open_engine(url, BUSY_TIMEOUT_MS)


def _open_ledger(path: Path) -> Database:
    return Database(URL.create("sqlite", database=str(path)).render_as_string(), is_ledger=True)


def _open_session_pool(engine: Engine, ledger: Path | None) -> SessionPool:
    store = postgresql if engine.dialect.name == "postgresql" else sqlite

    def opened(session: DatabaseSession) -> None:
        if ledger is not None:
            ledger_file.attach_ledger(session.driver, ledger)

    return SessionPool(engine, store.MAX_CONNECTIONS, store.POOL_SIZE, opened, store.is_alive, store.is_reusable)


def _commit(session: DatabaseSession, *, durable_after: bool) -> None:
    try:
        session.commit(sync_after=durable_after)
    except NotDurableError as error:
        raise StoreError(_NOT_DURABLE) from error
    except psycopg.Error as error:
        if session.driver.closed:
            raise StoreError(_CONNECTION_LOST) from error
        raise


def _explain_driver_error(error: DBAPIError | sqlite3.Error | psycopg.Error) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite.explain_error(cause)
    # What the driver raises itself is of a connection that there was.
    lost = (
        error.connection_invalidated
        if isinstance(error, DBAPIError)
        else isinstance(error, psycopg.OperationalError)
    )
    return postgresql.explain_error(cause if cause is not None else error, lost=lost)
