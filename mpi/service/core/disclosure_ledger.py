"""The ledger as a process writes it: what several calls disclose at once goes down in one transaction.

Each call still waits until its own line is durable. Whoever comes first writes for all that have come
meanwhile: eight readers then share one sync of the disk instead of queueing for eight.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Database, Lock

WRITE_FAILED = "the ledger of disclosures could not be written, so nothing was answered: try again"
_IDLE_S = 5.0
"""The thread that writes for calls without one of their own ends after so long with nothing to write."""

WrittenCallback = Callable[[Exception | None], None]
"""Told that a line is durable; or why it is not, and the answer must not leave."""


def call_now(work: Callable[[], None]) -> None:
    """Do it now."""
    work()


class _PendingDisclosure:
    """A disclosure that waits to be written, or first to be made."""

    def __init__(self, make: Callable[[], Disclosure], told: WrittenCallback | None = None) -> None:
        self.make = make
        self.written = False
        self.failed = False
        self.told = told

    def made(self) -> Disclosure | None:
        """What is to be written; None where there is nothing, and the caller was told why."""
        try:
            return self.make()
        except Exception as error:  # noqa: BLE001 - it is raised where the call was made
            self.settle(error)
            return None

    def settle(self, error: Exception | None) -> None:
        if self.written or self.failed:
            return
        self.written, self.failed = error is None, error is not None
        if self.told is not None:
            self.told(error)


class DisclosureLedger:
    """Takes disclosures from many threads and returns when each is durable."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_PendingDisclosure] = []
        self._due = threading.Event()
        self._works = False
        self._is_to_wake = False

    def write(self, database: Database, viewer: Viewer, disclosure: Disclosure) -> None:
        """Write a disclosure down, with whatever else waits.

        Args:
            database: where the ledger is.
            viewer: who is about to be answered.
            disclosure: what is about to leave.

        Raises:
            StoreError: it could not be written; the answer must not leave.
        """
        line = _PendingDisclosure(lambda: disclosure)
        with self._guard:
            self._waiting.append(line)
        with self._turn:
            if not line.written and not line.failed:
                self._write_all(database, viewer)
        if line.failed:
            raise StoreError(WRITE_FAILED)

    def have_made(
        self,
        database: Database,
        viewer: Viewer,
        make: Callable[[], Disclosure],
        told: WrittenCallback,
        soon: Callable[[Callable[[], None]], object] = call_now,
    ) -> None:
        """Have a line made and written down by a thread of the ledger's own, for a caller that cannot wait.

        Args:
            database: where the ledger is.
            viewer: who writes it.
            make: returns the line of what is about to leave, quickly; what it raises the caller is told.
            told: called once, from another thread, when the line is durable or cannot be.
            soon: calls what wakes that thread, once the caller has handed in what else it has.
        """
        with self._guard:
            self._waiting.append(_PendingDisclosure(make, told))
            if self._is_to_wake:
                return
            self._is_to_wake = True
        soon(lambda: self._wake(database, viewer))

    def _wake(self, database: Database, viewer: Viewer) -> None:
        with self._guard:
            self._is_to_wake = False
            self._due.set()
            if self._works:
                return
            self._works = True
        threading.Thread(target=self._work, args=(database, viewer), name="ledger", daemon=True).start()

    def _work(self, database: Database, viewer: Viewer) -> None:
        while True:
            self._due.wait(_IDLE_S)
            with self._guard:
                self._due.clear()
                if not self._waiting:
                    self._works = False
                    return
            # Whatever it was, each caller was told, and those that come after must find somebody at work.
            with self._turn, suppress(Exception):
                self._write_all(database, viewer)

    def _write_all(self, database: Database, viewer: Viewer) -> None:
        lines: list[_PendingDisclosure] = []

        def take() -> list[Disclosure]:
            made = [(line, disclosure) for line in self._take() if (disclosure := line.made()) is not None]
            lines.extend(line for line, _ in made)
            return [disclosure for _, disclosure in made]

        try:
            _insert(database.ledger, viewer, take)
        except BaseException as error:
            # Each caller is told; whoever writes for all raises what happened.
            for line in lines or self._take():
                line.settle(error if isinstance(error, StoreError) else StoreError(WRITE_FAILED))
            raise
        for line in lines:
            line.settle(None)

    def _take(self) -> list[_PendingDisclosure]:
        with self._guard:
            lines, self._waiting = self._waiting, []
        return lines


def _insert(ledger: Database, viewer: Viewer, take: Callable[[], Sequence[Disclosure]]) -> None:
    if ledger.is_postgresql:
        # Kept as soon as it is answered: one round trip.
        if lines := take():
            with ledger.read_autocommit(viewer) as unit:
                unit.disclosures.add_in_one_statement(lines)
        return
    with ledger.write(viewer, "disclose", Lock.NONE) as unit:
        # Only now, so that what came while the file's one writer was waited for is taken too.
        if lines := take():
            unit.disclosures.add_all(unit.counters.take("disclosure", len(lines)), lines)
