"""Pooled database connections that run precompiled statements quickly."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable, SelectBase

from mpi.domain.errors import StoreError
from mpi.domain.tuning import StorageTuning
from mpi.storage.backends.sqlite import BUSY
from mpi.storage.driver.compiled_statements import Parameters, Rows, Statements, get_shared_statements
from mpi.storage.driver.pipeline import Pipeline
from mpi.storage.encryption.key_ring import KeyRing

_SentQuery = tuple[Executable, Parameters, Rows]


class DatabaseSession(Connection):
    """A database connection that runs repeated statements directly on the driver.

    Other statements run on its SQLAlchemy connection. Units of work begin and end its one transaction on the
    driver, without SQLAlchemy.

    Args:
        engine: engine of the database.
        statements: compiled statements, shared by all sessions.
        immutable_cache: data that repositories keep in memory between transactions, by table. It must
            never change.
        tuning: sizes of the pages that repositories read.
        key_ring: payload keys that encrypt stored content; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        statements: Statements,
        immutable_cache: dict[str, Any],
        tuning: StorageTuning,
        key_ring: KeyRing | None = None,
    ) -> None:
        super().__init__(engine)
        self.tuning = tuning
        self.key_ring = key_ring
        self._statements = statements
        self.immutable_cache = immutable_cache
        self._execution_options = self._execution_options.union({"mpi_unit": True})
        self.driver: Any = self.connection.driver_connection
        self.idle_since = time.monotonic()
        is_remote = engine.dialect.name == "postgresql"
        self.pipeline: Pipeline | None = Pipeline(self.driver) if is_remote else None
        self._prefetched: list[_SentQuery] = []

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:  # noqa: ANN401 - like the base class
        """Run a statement like SQLAlchemy's ``Connection.execute``."""
        if self._prefetched and (prefetched := self._take_prefetched(statement, parameters)) is not None:
            return prefetched
        if execution_options is None and (rows := self._run_compiled(statement, parameters)) is not None:
            return rows
        if self.pipeline is not None:
            self.pipeline.leave()
        return super().execute(statement, parameters, execution_options=execution_options)

    def prefetch(self, statement: Executable, parameters: Parameters = None) -> None:
        """Send a query that the caller will execute before the next write.

        Several prefetched queries cost one round trip. Does nothing on SQLite, where there is nothing to
        gain.
        """
        if self.pipeline is None or any(
            self._is_same_query(sent_query, statement, parameters) for sent_query in self._prefetched
        ):
            return
        if (rows := self._run_compiled(statement, parameters)) is not None:
            self._prefetched.append((statement, parameters, rows))

    @staticmethod
    def _is_same_query(sent_query: _SentQuery, statement: Executable, parameters: Parameters) -> bool:
        return sent_query[0] is statement and bool(sent_query[1] == parameters)

    def fetch_all(self, statement: Executable, parameters: Parameters = None) -> list[Any]:
        """Return all rows of a statement, even a new one, quickly.

        A million rows take SQLAlchemy's result seconds longer. Compiling the statement takes a millisecond.
        """
        self._statements.expect(statement)
        rows: list[Any] = self.execute(statement, parameters).all()
        return rows

    def _run_compiled(self, statement: Executable, parameters: Parameters) -> Rows | None:
        prepared = self._statements.prepared(statement, parameters)
        return None if prepared is None else prepared.run(self.pipeline or self.driver, parameters)

    def _take_prefetched(self, statement: Executable, parameters: Parameters) -> Rows | None:
        """Return the rows of a matching prefetched query, or None."""
        for index, sent_query in enumerate(self._prefetched):
            if self._is_same_query(sent_query, statement, parameters):
                return self._prefetched.pop(index)[2]
        if not isinstance(statement, SelectBase):
            # The statement may change what the prefetched queries read.
            self.forget_prefetched()
        return None

    def wait_for_answers(self) -> None:
        """Wait until the server has answered every statement sent."""
        if self.pipeline is not None:
            self.pipeline.collect()

    def send(self) -> None:
        """Send the buffered statements without waiting for their results."""
        if self.pipeline is not None:
            self.pipeline.set_off()

    def forget_prefetched(self) -> None:
        """Discard results of prefetched queries, so that they are sent again."""
        self._prefetched.clear()

    def commit(self, *, sync_after: bool = False) -> None:
        """Commit the session's transaction durably.

        Args:
            sync_after: whether the commit did not wait for the disk, so that a second transaction has to.
        """
        if self.pipeline is None:
            self.driver.commit()
        else:
            self.pipeline.commit(durable_after=sync_after)

    def rollback(self) -> None:
        """Roll back the session's transaction."""
        if self.pipeline is None:
            self.driver.rollback()
        else:
            self.pipeline.take_back()


class SessionPool:
    """A pool of database sessions, each lent to one unit of work.

    Opening a session costs more than most units of work.

    Args:
        engine: engine of the database.
        max_sessions: how many sessions are lent at a time.
        max_idle: how many idle sessions stay open.
        on_open: called with each new session.
        is_alive: whether an idle session can be used again.
        is_reusable: whether a returned session can be lent again.
        tuning: sizes of the pages that repositories read.
        key_ring: payload keys that encrypt stored content; None where there are none.
    """

    def __init__(  # noqa: PLR0913 - as above
        self,
        engine: Engine,
        max_sessions: int,
        max_idle: int,
        on_open: Callable[[DatabaseSession], None],
        is_alive: Callable[[DatabaseSession], bool],
        is_reusable: Callable[[DatabaseSession], bool],
        tuning: StorageTuning,
        *,
        key_ring: KeyRing | None = None,
    ) -> None:
        self._engine = engine
        self._key_ring = key_ring
        self._tuning = tuning
        self._statements = get_shared_statements(engine.dialect)
        self._immutable_cache: dict[str, Any] = {}
        self._slots = threading.BoundedSemaphore(max_sessions)
        self._max_idle = max_idle
        self._on_open, self._is_alive, self._is_reusable = on_open, is_alive, is_reusable
        self._idle: list[DatabaseSession] = []
        self._generation = 0

    @contextmanager
    def lend(self, wait_s: float) -> Iterator[DatabaseSession]:
        """Lend a database session for one unit of work.

        Args:
            wait_s: seconds to wait for a free session.

        Raises:
            StoreError: no session became free in time.
        """
        if not self._slots.acquire(timeout=wait_s):
            raise StoreError(BUSY)
        try:
            generation = self._generation
            session = self._take_or_open()
            try:
                yield session
            finally:
                session.forget_prefetched()
                self._return(session, generation)
        finally:
            self._slots.release()

    def _take_or_open(self) -> DatabaseSession:
        while self._idle:
            try:
                session = self._idle.pop()
            except IndexError:  # another thread was first
                break
            if self._is_alive(session):
                return session
            _discard(session)
        session = DatabaseSession(
            self._engine, self._statements, self._immutable_cache, self._tuning, self._key_ring
        )
        self._on_open(session)
        return session

    def _return(self, session: DatabaseSession, generation: int) -> None:
        if not self._is_reusable(session):
            _discard(session)
        elif generation != self._generation or len(self._idle) >= self._max_idle:
            session.close()
        else:
            session.idle_since = time.monotonic()
            self._idle.append(session)

    def close(self) -> None:
        """Close idle database sessions now, and lent ones when they return."""
        self._generation += 1
        while self._idle:
            self._idle.pop().close()


def _discard(session: DatabaseSession) -> None:
    if not session.invalidated:
        session.invalidate()
    session.close()
