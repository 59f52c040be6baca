"""Pool of threads that run DuckDB queries concurrently."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import duckdb

_INTERRUPT_INTERVAL_S = 0.05

Result = TypeVar("Result")


class CursorPool:
    """Threads that each run queries with a DuckDB cursor of their own.

    Leaving the pool, even by Ctrl-C while a thread starts, leaves no query behind: else the connection
    could not be closed.

    Args:
        connection: used by nobody else meanwhile.
        threads: number of queries that run at once.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, threads: int) -> None:
        self._connection = connection
        self._pool = ThreadPoolExecutor(threads)
        self._active_cursors: set[duckdb.DuckDBPyConnection] = set()
        self._is_closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        # Again and again, as DuckDB forgets what it is told before a query begins.
        while active_cursors := tuple(self._active_cursors):
            for cursor in active_cursors:
                cursor.interrupt()
            time.sleep(_INTERRUPT_INTERVAL_S)
        self._pool.shutdown()

    def submit(self, query: Callable[[duckdb.DuckDBPyConnection], Result]) -> Future[Result]:
        """Run a query in a thread, with a cursor of its own."""
        return self._pool.submit(self._run, self._connection.cursor(), query)

    def _run(
        self, cursor: duckdb.DuckDBPyConnection, query: Callable[[duckdb.DuckDBPyConnection], Result]
    ) -> Result:
        # Told by itself: of a thread whose beginning was interrupted the pool does not know.
        self._active_cursors.add(cursor)
        try:
            # Whoever leaves says so before it looks who is at work.
            if self._is_closing:
                raise CancelledError
            return query(cursor)
        finally:
            self._active_cursors.discard(cursor)
