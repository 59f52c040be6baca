"""Pipelined SQL statements to PostgreSQL through libpq.

psycopg's cursor costs some 75 µs of Python a statement and writes each to the socket by itself. Here
a statement costs a tenth of that, is prepared once a connection, and leaves with all others that wait
when a result is read.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq.abc import PGresult

_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_TEXT, _BINARY = pq.Format.TEXT, pq.Format.BINARY
_PARAMETER = re.compile(r"%(?:%|\(([^)]+)\)s)")
_FULL = 1 << 20
"""Bytes that may wait to be sent.

A load writes for long without reading.
"""
_COMMIT = b"COMMIT"
_WRITES_NOTHING = b"SELECT pg_logical_emit_message(true, 'mpi', '')"
"""A change-free statement whose commit still waits for the disk."""
_numbers = count(1)
"""Numbers for names of prepared statements, never reused.

Connections outlive the sessions on them.
"""

Parameters = Mapping[str, Any]
_Take = Callable[[list[PGresult]], None]


class NotDurableError(psycopg.Error):
    """A transaction was committed, but its durability is unknown."""


class _Prepared(NamedTuple):
    """An SQL statement prepared on the server, with its parameter order."""

    name: bytes
    order: tuple[str, ...]


class Answer:
    """A pipelined SQL statement's result, awaited when it is read.

    It has the interface of a database cursor.
    """

    __slots__ = ("_at", "_changed", "_pipeline", "_result", "_waiting")

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        self._result: PGresult | None = None
        self._waiting = 0
        self._changed = 0
        self._at = 0

    def execute(self, text: str, values: Parameters) -> None:
        """Send an SQL statement through the pipeline."""
        self._waiting += 1
        self._pipeline.send(text, values, self._take)

    def executemany(self, text: str, rows: Sequence[Parameters]) -> None:
        """Send an SQL statement for each row of parameters."""
        for values in rows:
            self.execute(text, values)

    def _take(self, results: list[PGresult]) -> None:
        self._waiting -= 1
        self._result = results[-1]
        self._changed += self._result.command_tuples or 0

    def _answered(self) -> PGresult:
        if self._waiting:
            self._pipeline.collect()
        if self._result is None:
            raise psycopg.InterfaceError("the statement was taken back before it was answered")
        return self._result

    @property
    def description(self) -> list[tuple[str, int]] | None:
        """Name and type of each column; None for a statement without rows."""
        result = self._answered()
        columns = [((result.fname(n) or b"").decode(), result.ftype(n)) for n in range(result.nfields)]
        return columns or None

    @property
    def rowcount(self) -> int:
        """Number of changed or returned rows."""
        self._answered()
        return self._changed

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next ``size`` rows."""
        result = self._answered()
        first, self._at = self._at, min(self._at + size, result.ntuples)
        return self._pipeline.load(result, first, self._at)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all remaining rows."""
        return self.fetchmany(self._answered().ntuples)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None after the last."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def close(self) -> None:
        """Skip the remaining rows."""
        self._at = self._answered().ntuples


class Pipeline:
    """The libpq pipeline of one PostgreSQL connection.

    One unit of work uses it at a time. Call ``leave`` before psycopg itself uses the connection.

    Args:
        driver: psycopg's connection.
    """

    def __init__(self, driver: Any) -> None:  # noqa: ANN401 - as SQLAlchemy has it
        self._driver: psycopg.Connection[Any] = driver
        self._libpq = driver.pgconn
        self._adapting = Transformer(driver)
        self._known: dict[str, _Prepared] = {}
        self._due: deque[_Take] = deque()
        self._unsent = 0
        self._to_begin: bytes | None = None
        self._each_alone = False
        self._is_on = False
        self._is_synced = True

    def begin(self, beginning: bytes | None) -> None:
        """Set the SQL statement that begins the unit of work's transaction.

        Args:
            beginning: the statement, sent before the unit's first one; None to commit each statement by
                itself.
        """
        self._to_begin, self._each_alone = beginning, beginning is None

    def cursor(self) -> Answer:
        """Return an object that sends an SQL statement and reads its result."""
        return Answer(self)

    def send(self, text: str, values_by_name: Parameters, take: _Take) -> None:
        """Send an SQL statement without waiting for its result.

        Args:
            text: SQL with parameters as ``%(name)s``; the same object each time.
            values_by_name: values by name.
            take: called with the result.
        """
        self._enter()
        prepared = self._known.get(text) or self._prepare(text)
        values, formats = [], []
        for name in prepared.order:
            value, format_code = self._adapted(values_by_name[name])
            values.append(value)
            formats.append(format_code)
            self._unsent += 0 if value is None else len(value)
        self._libpq.send_query_prepared(prepared.name, values, formats, _BINARY)
        self._due.append(take)
        if self._unsent > _FULL:
            self.set_off()

    def _prepare(self, text: str) -> _Prepared:
        order: dict[str, int] = {}

        def place(match: re.Match[str]) -> str:
            name = match[1]
            return "%" if name is None else f"${order.setdefault(name, len(order) + 1)}"

        statement = _PARAMETER.sub(place, text)
        prepared = self._known[text] = _Prepared(b"mpi_%d" % next(_numbers), tuple(order))
        # The server infers each parameter's type from its place or cast.
        self._libpq.send_prepare(prepared.name, statement.encode())
        self._due.append(partial(self._note_prepared, text))
        return prepared

    def _note_prepared(self, text: str, results: list[PGresult]) -> None:
        if results[-1].status not in _OK:
            del self._known[text]

    def _adapted(self, value: Any) -> tuple[Any, int]:  # noqa: ANN401
        """Return an SQL parameter's value as PostgreSQL takes it, and its format."""
        value_type = type(value)
        if value_type is bytes:
            return value, _BINARY
        adapt = _AS_TEXT.get(value_type)
        if adapt is None and isinstance(value, str):
            adapt = _text
        adapted = None if adapt is None else adapt(value)
        if adapted is not None or value is None:
            return adapted, _TEXT
        # Rare types are left to psycopg.
        [dumped] = self._adapting.dump_sequence([value], [PyFormat.AUTO])
        return dumped, (self._adapting.formats or [_TEXT])[0]

    def load(self, result: PGresult, first: int, end: int) -> list[tuple[Any, ...]]:
        """Return the rows of a result numbered from ``first`` to before ``end``."""
        self._adapting.set_pgresult(result)
        return self._adapting.load_rows(first, end, tuple)

    def set_off(self) -> None:
        """Send buffered SQL statements without waiting for their results."""
        if self._unsent:
            self._driver.wait(generators.send(self._libpq))
            self._unsent = 0

    def collect(self) -> None:
        """Wait for the results of all SQL statements sent.

        They take one round trip.

        Raises:
            psycopg.Error: a statement was refused, or the connection is lost.
        """
        if self._due:
            self._driver.wait(self._answers(sync=self._each_alone))

    def _answers(self, *, sync: bool) -> PQGen[None]:
        if sync:
            self._libpq.pipeline_sync()
            self._due.append(_pass)
        else:
            self._libpq.send_flush_request()
        yield from generators.send(self._libpq)
        self._unsent, self._is_synced = 0, sync
        refused: PGresult | None = None
        while self._due:
            results = yield from generators.fetch_many(self._libpq)
            self._due.popleft()(results)
            if refused is None and results[-1].status == pq.ExecStatus.FATAL_ERROR:
                refused = results[-1]
        if refused is not None:
            raise psycopg.errors.error_from_result(refused, encoding=self._driver.info.encoding)

    def _enter(self) -> None:
        self._is_synced = False
        if not self._is_on:
            self._libpq.enter_pipeline_mode()
            self._is_on = True
        if self._to_begin is not None:
            beginning, self._to_begin = self._to_begin, None
            self._command(beginning)

    def _command(self, statement: bytes) -> None:
        self._libpq.send_query_params(statement, None)
        self._due.append(_pass)

    def leave(self) -> None:
        """Let psycopg use the connection until the next statement is sent.

        The transaction stays the same.
        """
        if self._to_begin is not None:
            self._enter()
        self._exit()
        if self._each_alone:
            self._driver.autocommit = True

    def _exit(self) -> None:
        if self._is_on:
            if not self._is_synced:
                self._driver.wait(self._answers(sync=True))
            self._libpq.exit_pipeline_mode()
            self._is_on = False

    def end(self) -> None:
        """Wait for all SQL statements sent, and end autocommit mode."""
        self._exit()
        self._plain()

    def _plain(self) -> None:
        if self._driver.autocommit:
            self._driver.autocommit = False

    def commit(self, *, durable_after: bool = False) -> None:
        """Commit the transaction durably.

        Args:
            durable_after: whether the commit does not wait for the disk. Then a second transaction that does
                wait follows in the same round trip, after the locks are released. The server's log is in the
                order of commits, so the second makes the first durable.

        Raises:
            NotDurableError: the second transaction failed, and the first did not. psycopg.Error: the
                transaction was not committed, or the connection is lost.
        """
        if self._to_begin is not None:
            self._to_begin = None
            return
        self._enter()
        commit_confirmations: list[bool] = []
        self._libpq.send_query_params(_COMMIT, None)
        self._due.append(lambda results: commit_confirmations.append(results[-1].command_status == _COMMIT))
        if durable_after:
            self._command(_WRITES_NOTHING)
        try:
            self._exit()
        except psycopg.Error as error:
            if any(commit_confirmations) and not self._driver.closed:
                raise NotDurableError from error
            raise

    def take_back(self) -> None:
        """Roll back the transaction, ignoring errors of statements sent before."""
        self._to_begin = None
        for _ in range(2):
            if self._driver.closed:
                return
            with suppress(psycopg.Error):
                self._exit()
                if self._libpq.transaction_status != pq.TransactionStatus.IDLE:
                    self._enter()
                    self._command(b"ROLLBACK")
                    self._exit()
                self._plain()
                return


def _pass(_results: list[PGresult]) -> None:
    """Ignore the result of a pipelined statement."""


def _none(_value: None) -> None:
    return None


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) characters")
    return value.encode()


def _array(values: Sequence[Any]) -> bytes | None:
    """Encode integers or texts as a PostgreSQL array; None for other types."""
    first = next((value for value in values if value is not None), 0)
    if type(first) is int:
        texts: Iterator[str] = map(str, values)
        if None in values:
            texts = ("NULL" if value is None else str(value) for value in values)
        return f"{{{','.join(texts)}}}".encode()
    if isinstance(first, str):
        return _text(f"{{{','.join(map(_quoted, values))}}}")
    return None


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_AS_TEXT: Mapping[type, Callable[[Any], bytes | None]] = {
    int: lambda value: b"%d" % value,
    str: _text,
    type(None): _none,
    bool: lambda value: b"t" if value else b"f",
    float: lambda value: repr(value).encode(),
    list: _array,
    tuple: _array,
}
