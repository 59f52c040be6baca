"""Sessions: connections whose statements cost little, kept open between units of work."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, SelectBase

from mpi.domain.errors import StoreError
from mpi.storage.backends.sqlite import BUSY
from mpi.storage.driver.compiled_statements import Rows, Statements
from mpi.storage.driver.pipeline import Pipeline


class DatabaseSession(Connection):
    """SQLAlchemy's connection, with a short way to the driver for statements composed once.

    Its one transaction is the unit's: begun and ended on the driver, whatever SQLAlchemy knows of it.

    Args:
        engine: of the database.
        statements: those composed once.
        immutable_cache: what repositories keep in memory between units, by table: nothing that can ever change.
    """

    def __init__(self, engine: Engine, statements: Statements, unchanging: dict[str, Any]) -> None:
        super().__init__(engine)
        self._statements = statements
        self.immutable_cache = unchanging
        self._execution_options = self._execution_options.union({"mpi_unit": True})
        self.driver: Any = self.connection.driver_connection
        self.idle_since = time.monotonic()
        is_far = engine.dialect.name == "postgresql"
        self.pipeline: Pipeline | None = Pipeline(self.driver) if is_far else None
        self._prefetched: list[tuple[Any, Any, Rows]] = []

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:  # noqa: ANN401
        """Run a statement; see SQLAlchemy's own."""
        if self._prefetched and (asked := self._take_prefetched(statement, parameters)) is not None:
            return asked
        if execution_options is None and (rows := self._run_compiled(statement, parameters)) is not None:
            return rows
        if self.pipeline is not None:
            self.pipeline.leave()
        return super().execute(statement, parameters, execution_options=execution_options)

    def prefetch(self, statement: Any, parameters: Any = None) -> None:  # noqa: ANN401
        """Send a question that will be asked before anything else is written: several are one round trip.

        Where the store is near it is not sent, as nothing would be saved.
        """
        if self.pipeline is None or any(self._is_same_query(one, statement, parameters) for one in self._prefetched):
            return
        if (rows := self._run_compiled(statement, parameters)) is not None:
            self._prefetched.append((statement, parameters, rows))

    @staticmethod
    def _is_same_query(one: tuple[Any, Any, Rows], statement: Any, parameters: Any) -> bool:  # noqa: ANN401
        return one[0] is statement and bool(one[1] == parameters)

    def fetch_all(self, statement: Any, parameters: Any = None) -> list[Any]:  # noqa: ANN401
        """All rows of a statement, the short way also where it comes for the first time.

        Of a million rows SQLAlchemy's own take seconds more; composing the statement takes a millisecond.
        """
        self._statements.expect(statement)
        rows: list[Any] = self.execute(statement, parameters).all()
        return rows

    def _run_compiled(self, statement: Any, parameters: Any) -> Rows | None:  # noqa: ANN401
        prepared = self._statements.prepared(statement, parameters)
        return None if prepared is None else prepared.run(self.pipeline or self.driver, parameters)

    def _take_prefetched(self, statement: Any, parameters: Any) -> Rows | None:  # noqa: ANN401
        for place, one in enumerate(self._prefetched):
            if self._is_same_query(one, statement, parameters):
                return self._prefetched.pop(place)[2]
        if not isinstance(statement, SelectBase):
            # What is written now may be what was asked for.
            self.forget_prefetched()
        return None

    def wait_for_answers(self) -> None:
        """Wait until all that was sent ahead of its answer is done."""
        if self.pipeline is not None:
            self.pipeline.collect()

    def send(self) -> None:
        """Let the store begin with what it was told so far; nothing is waited for."""
        if self.pipeline is not None:
            self.pipeline.set_off()

    def forget_prefetched(self) -> None:
        """Ask anew what was asked ahead."""
        self._prefetched.clear()

    def commit(self, *, sync_after: bool = False) -> None:
        """Keep what was written; see ``Pipeline.commit``."""
        if self.pipeline is None:
            self.driver.commit()
        else:
            self.pipeline.commit(durable_after=sync_after)

    def rollback(self) -> None:
        """Take back what was written."""
        if self.pipeline is None:
            self.driver.rollback()
        else:
            self.pipeline.take_back()


class SessionPool:
    """Lends sessions, a unit of work each, and keeps some open: opening one costs more than most units.

    Args:
        engine: of the database.
        most: how many are lent at a time.
        kept: how many are kept open.
        opened: told of each that is opened.
        wakes: whether a session that has rested can be used; closes nothing.
        ended: ends what a unit left open; whether the session can be lent again.
    """

    def __init__(
        self,
        engine: Engine,
        most: int,
        kept: int,
        opened: Callable[[DatabaseSession], None],
        wakes: Callable[[DatabaseSession], bool],
        ended: Callable[[DatabaseSession], bool],
    ) -> None:
        self._engine = engine
        self._statements = Statements(engine.dialect)
        self._unchanging: dict[str, Any] = {}
        self._slots = threading.BoundedSemaphore(most)
        self._max_idle = kept
        self._opened, self._wakes, self._ended = opened, wakes, ended
        self._idle: list[DatabaseSession] = []
        self._generation = 0

    @contextmanager
    def lend(self, wait_s: float) -> Iterator[DatabaseSession]:
        """A session for one unit of work.

        Args:
            wait_s: seconds to wait for one, where all are lent.

        Raises:
            StoreError: none came back in that time.
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
            if self._wakes(session):
                return session
            _discard(session)
        session = DatabaseSession(self._engine, self._statements, self._unchanging)
        self._opened(session)
        return session

    def _return(self, session: DatabaseSession, generation: int) -> None:
        if not self._ended(session):
            _discard(session)
        elif generation != self._generation or len(self._idle) >= self._max_idle:
            session.close()
        else:
            session.idle_since = time.monotonic()
            self._idle.append(session)

    def close(self) -> None:
        """Close every session, those that are lent when they come back."""
        self._generation += 1
        while self._idle:
            self._idle.pop().close()


def _discard(session: DatabaseSession) -> None:
    if not session.invalidated:
        session.invalidate()
    session.close()
