"""SQL statements that reads of an index send to SQLite, for tests of their number."""

from collections import Counter
from contextlib import contextmanager

from sqlalchemy import event

from tests.index import reopen_database

_TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


class StatementLog:
    """Statements that all connections of one database have sent so far."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, statement: str) -> None:
        """Note one statement, as SQLite's trace reports it."""
        if not statement.startswith(_TRANSACTIONS):
            self.statements.append(statement)

    def count(self, call) -> int:
        """Return how many statements a call sends."""
        before = len(self.statements)
        call()
        return len(self.statements) - before

    def list_repeated(self, call) -> list[tuple[int, str]]:
        """Return the statements that a call sends more than once, without their values."""
        before = len(self.statements)
        call()
        shapes = Counter(statement.partition(" WHERE ")[0] for statement in self.statements[before:])
        return [(number, shape) for shape, number in shapes.most_common() if number > 1]


@contextmanager
def logged_index(index):
    """Open the index once more; yield it with the log of its statements."""
    log = StatementLog()
    with reopen_database(index) as reopened:

        @event.listens_for(reopened.database.engine, "connect")
        def trace(connection, _record) -> None:
            connection.set_trace_callback(log)

        yield reopened, log
