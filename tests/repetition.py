"""Tests whose statements on PostgreSQL other tests run too; continuous integration leaves them out there.

The behavior of such a test is checked on SQLite. What PostgreSQL could do otherwise is in its statements, and
another test runs each of them on PostgreSQL: as the server's log of statements tells. Tests of locks,
interruptions and stored bytes are never left out.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.postgres import PostgresServer

REPEATED_TESTS = Path(__file__).parent / "repeated_tests.txt"
"""List of these tests, written by ``scripts/test --list-repeated``."""
STATEMENTS = "statements"
"""Property of a test report: the statements that the server ran, in their general form."""
STORE_DEPENDENT = "store dependent"
"""Property of a test report: whether the test looks at more than what statements answer."""
_STORE_WORDS = re.compile(
    r"stored_bytes|Thread|Barrier|Process|Interrupt|\bkill|concurren|crash", re.IGNORECASE
)
"""What a test names that stops the program, runs it twice at once, or reads the store's own bytes."""
_LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)")
_GENERAL_FORMS = (
    (re.compile(r"'[^']*'"), "''"),
    (re.compile(r"scope_\w+"), "scope_"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?:\$\d+|\b\d+\b)(?:::\w+(?:\[\])?)?"), "?"),
    (re.compile(r"\?(?:, \?)+"), "?"),
    (re.compile(r"\(\?\)(?:, \(\?\))+"), "(?)"),
)


def is_store_dependent(test: Callable[..., object]) -> bool:
    """Return whether a test checks locks, interruptions or stored bytes, which statements do not tell."""
    return _STORE_WORDS.search(inspect.getsource(test)) is not None


class ServerLog:
    """The statements that a server ran since a moment.

    Args:
        server: server that logs all statements.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._path = server.folder / "log"
        self._begin = self._path.stat().st_size

    def read_statements(self) -> list[str]:
        """Return the statements in their general form: without values, and with lists of one."""
        with self._path.open("rb") as log:
            log.seek(self._begin)
            text = log.read().decode(errors="replace")
        return sorted({_generalize(statement) for statement in _LOGGED.findall(text)})


def _generalize(statement: str) -> str:
    for pattern, general in _GENERAL_FORMS:
        statement = pattern.sub(general, statement)
    return statement


class RepetitionList:
    """Plugin that writes the list of tests that are left out on PostgreSQL."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.statements: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report) -> None:
        """Note the statements of a test, and whether it may be left out."""
        test, _, case = report.nodeid.partition("[")
        properties = dict(report.user_properties)
        statements = properties.get(STATEMENTS, ())
        self.seconds[test] += report.duration
        self.statements[test].update(statements)
        may_be_left_out = "postgresql" in case and "conformance" not in Path(test).parts
        is_kept = properties.get(STORE_DEPENDENT) or not may_be_left_out
        if report.failed or (statements and is_kept):
            self.kept.add(test)

    def pytest_sessionfinish(self) -> None:
        """Write the tests that run no statement that the others do not run."""
        REPEATED_TESTS.write_text("".join(f"{test}\n" for test in sorted(self.find_repeated())))

    def find_repeated(self) -> set[str]:
        """Return the tests to leave out: those with most new statements a second are kept first."""
        left = {test for test, statements in self.statements.items() if statements} - self.kept
        covered = set().union(*(self.statements[test] for test in self.kept))
        while left:
            gain = {test: len(self.statements[test] - covered) / self.seconds[test] for test in sorted(left)}
            best = max(gain, key=lambda test: gain[test])
            if not gain[best]:
                break
            left.remove(best)
            covered |= self.statements[best]
        return left
