"""Statements composed once, sent to PostgreSQL by libpq itself: ahead of their answers, many in one message.

psycopg's cursor costs some 75 µs of Python a statement, and writes each to the socket by itself. Here one
costs a tenth of that, is prepared once a connection, and leaves with all that wait when an answer is read.
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
"""Bytes that may wait to be sent: a load writes for long without asking."""
_COMMIT = b"COMMIT"
_WRITES_NOTHING = b"SELECT pg_logical_emit_message(true, 'mpi', '')"
"""A transaction that changes nothing, and whose commit waits for the disk all the same."""
_numbers = count(1)
"""Names of prepared statements are never given again: connections outlive the sessions on them."""

Parameters = Mapping[str, Any]
_Take = Callable[[list[PGresult]], None]


class NotDurableError(psycopg.Error):
    """A transaction was kept, and is not known to be on the disk."""


class _Prepared(NamedTuple):
    """A statement that the server has prepared, and its parameters in their places."""

    name: bytes
    order: tuple[str, ...]


class Answer:
    """What a statement answers, waited for when it is read: the part of a cursor that ``prepared`` uses."""

    __slots__ = ("_at", "_changed", "_pipeline", "_result", "_waiting")

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        self._result: PGresult | None = None
        self._waiting = 0
        self._changed = 0
        self._at = 0

    def execute(self, text: str, given: Parameters) -> None:
        """Send a statement."""
        self._waiting += 1
        self._pipeline.send(text, given, self._take)

    def executemany(self, text: str, rows: Sequence[Parameters]) -> None:
        """Send a statement for each row of parameters."""
        for given in rows:
            self.execute(text, given)

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
        """Name and type of each column; None of a statement that answers no rows."""
        result = self._answered()
        columns = [((result.fname(n) or b"").decode(), result.ftype(n)) for n in range(result.nfields)]
        return columns or None

    @property
    def rowcount(self) -> int:
        """Rows that were changed or found."""
        self._answered()
        return self._changed

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """The next rows."""
        result = self._answered()
        first, self._at = self._at, min(self._at + size, result.ntuples)
        return self._pipeline.load(result, first, self._at)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that follow."""
        return self.fetchmany(self._answered().ntuples)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def close(self) -> None:
        """Let go of the rows."""
        self._at = self._answered().ntuples


class Pipeline:
    """One connection's pipeline: a unit of work begins it and ends it.

    Where the connection is to be used by psycopg itself meanwhile, ``leave`` it first.

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
        """Let a unit's first statement begin its transaction.

        Args:
            beginning: the statement that does; None where each statement is one of its own, kept once it is
                answered.
        """
        self._to_begin, self._each_alone = beginning, beginning is None

    def cursor(self) -> Answer:
        """For one statement."""
        return Answer(self)

    def send(self, text: str, given: Parameters, take: _Take) -> None:
        """Send a statement ahead of its answer.

        Args:
            text: with its parameters as ``%(name)s``; the same object each time.
            given: by name.
            take: given the answer.
        """
        self._enter()
        known = self._known.get(text) or self._prepare(text)
        values, formats = [], []
        for name in known.order:
            value, form = self._adapted(given[name])
            values.append(value)
            formats.append(form)
            self._unsent += 0 if value is None else len(value)
        self._libpq.send_query_prepared(known.name, values, formats, _BINARY)
        self._due.append(take)
        if self._unsent > _FULL:
            self.set_off()

    def _prepare(self, text: str) -> _Prepared:
        order: dict[str, int] = {}

        def place(found: re.Match[str]) -> str:
            name = found[1]
            return "%" if name is None else f"${order.setdefault(name, len(order) + 1)}"

        statement = _PARAMETER.sub(place, text)
        made = self._known[text] = _Prepared(b"mpi_%d" % next(_numbers), tuple(order))
        # Of which type a parameter is the server tells from its place, or from the cast that it has.
        self._libpq.send_prepare(made.name, statement.encode())
        self._due.append(partial(self._note_prepared, text))
        return made

    def _note_prepared(self, text: str, results: list[PGresult]) -> None:
        if results[-1].status not in _OK:
            del self._known[text]

    def _adapted(self, value: Any) -> tuple[Any, int]:  # noqa: ANN401
        """A value as the server takes it, and in which format."""
        kind = type(value)
        if kind is bytes:
            return value, _BINARY
        adapt = _AS_TEXT.get(kind)
        if adapt is None and isinstance(value, str):
            adapt = _text
        adapted = None if adapt is None else adapt(value)
        if adapted is not None or value is None:
            return adapted, _TEXT
        # None that is met often: psycopg knows many more types.
        [other] = self._adapting.dump_sequence([value], [PyFormat.AUTO])
        return other, (self._adapting.formats or [_TEXT])[0]

    def load(self, result: PGresult, first: int, after: int) -> list[tuple[Any, ...]]:
        """Some rows of an answer."""
        self._adapting.set_pgresult(result)
        return self._adapting.load_rows(first, after, tuple)

    def set_off(self) -> None:
        """Send all that waits to be sent, without waiting for an answer: the server is at it meanwhile."""
        if self._unsent:
            self._driver.wait(generators.send(self._libpq))
            self._unsent = 0

    def collect(self) -> None:
        """Wait for the answers of all that was sent: one round trip.

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
        """Let psycopg use the connection, in the same transaction, until the next statement is sent."""
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
        """Wait for all that was sent where each statement is kept by itself."""
        self._exit()
        self._plain()

    def _plain(self) -> None:
        if self._driver.autocommit:
            self._driver.autocommit = False

    def commit(self, *, durable_after: bool = False) -> None:
        """Keep what the transaction wrote, durably.

        Args:
            durable_after: whether it was told not to wait for the disk at its commit. Then another that does
                wait follows it in the same round trip, when its locks are no longer held: the server's log is
                in the order of commits, so that with the second the first is durable, and all before it.

        Raises:
            NotDurableError: the second failed, and the first did not.
            psycopg.Error: it was not kept, or the connection is lost.
        """
        if self._to_begin is not None:
            self._to_begin = None
            return
        self._enter()
        kept: list[bool] = []
        self._libpq.send_query_params(_COMMIT, None)
        self._due.append(lambda results: kept.append(results[-1].command_status == _COMMIT))
        if durable_after:
            self._command(_WRITES_NOTHING)
        try:
            self._exit()
        except psycopg.Error as error:
            if any(kept) and not self._driver.closed:
                raise NotDurableError from error
            raise

    def take_back(self) -> None:
        """Roll back, whatever is still told of statements that were sent ahead of the one that failed."""
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
    """Take an answer that says nothing."""


def _none(_value: None) -> None:
    return None


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) characters")
    return value.encode()


def _array(values: Sequence[Any]) -> bytes | None:
    """An array of whole numbers or of texts; None of anything else."""
    first = next((value for value in values if value is not None), 0)
    if type(first) is int:
        each: Iterator[str] = map(str, values)
        if None in values:
            each = ("NULL" if value is None else str(value) for value in values)
        return f"{{{','.join(each)}}}".encode()
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
