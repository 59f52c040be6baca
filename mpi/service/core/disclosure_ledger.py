"""Batched writer of the disclosure ledger.

Each call waits until its own entry is durable. The first caller writes the entries of all that wait, so that
eight readers share one sync of the disk instead of queueing for eight.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from mpi.domain.errors import StoreError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.domain.viewer import Viewer
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Database, Lock

WRITE_FAILED = "the ledger of disclosures could not be written, so nothing was answered: try again"
"""Error text of a call whose ledger entry could not be written."""

WrittenCallback = Callable[[Exception | None], None]
"""Called with None once an entry is durable, or with the error."""


def call_now(function: Callable[[], None]) -> None:
    """Call a function at once, as the default of a scheduler argument."""
    function()


class _PendingDisclosure:
    """A disclosure-ledger entry that waits to be built and written."""

    def __init__(
        self, build_entry: Callable[[], Disclosure], callback: WrittenCallback | None = None
    ) -> None:
        self.build_entry = build_entry
        self.written = False
        self.failed = False
        self.callback = callback

    def build(self) -> Disclosure | None:
        """Return the ledger entry; None where building failed and was reported."""
        try:
            return self.build_entry()
        except Exception as error:  # noqa: BLE001 - the callback receives the error
            self.settle(error)
            return None

    def settle(self, error: Exception | None) -> None:
        """Report once that the ledger entry is durable, or the error."""
        if self.written or self.failed:
            return
        self.written, self.failed = error is None, error is not None
        if self.callback is not None:
            self.callback(error)


class DisclosureLedger:
    """Writes disclosure-ledger entries of many threads in shared transactions.

    Args:
        idle_s: seconds without work after which the background thread ends.
    """

    def __init__(self, idle_s: float = DEFAULT_TUNING.request.ledger_idle_s) -> None:
        self._idle_s = idle_s
        self._queue_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._pending: list[_PendingDisclosure] = []
        self._work_available = threading.Event()
        self._is_running = False
        self._is_wake_scheduled = False

    def write(self, database: Database, viewer: Viewer, disclosure: Disclosure) -> None:
        """Write a disclosure-ledger entry and return once it is durable.

        Args:
            database: the database with the ledger.
            viewer: who is about to be answered.
            disclosure: the entry.

        Raises:
            StoreError: the entry could not be written; the answer must not leave.
        """
        entry = _PendingDisclosure(lambda: disclosure)
        with self._queue_lock:
            self._pending.append(entry)
        with self._write_lock:
            if not entry.written and not entry.failed:
                self._write_pending(database, viewer)
        if entry.failed:
            raise StoreError(WRITE_FAILED)

    def write_in_background(
        self,
        database: Database,
        viewer: Viewer,
        build_entry: Callable[[], Disclosure],
        callback: WrittenCallback,
        schedule: Callable[[Callable[[], None]], object] = call_now,
    ) -> None:
        """Queue a disclosure-ledger entry for the background thread; return at once.

        Args:
            database: the database with the ledger.
            viewer: who writes the entry.
            build_entry: builds the entry, quickly; an error that it raises goes to the callback.
            callback: called once, from another thread, when the entry is durable or cannot be written.
            schedule: runs the function that wakes the background thread, once the caller has queued its other
                entries.
        """
        with self._queue_lock:
            self._pending.append(_PendingDisclosure(build_entry, callback))
            if self._is_wake_scheduled:
                return
            self._is_wake_scheduled = True
        schedule(lambda: self._wake(database, viewer))

    def _wake(self, database: Database, viewer: Viewer) -> None:
        with self._queue_lock:
            self._is_wake_scheduled = False
            self._work_available.set()
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._run, args=(database, viewer), name="ledger", daemon=True).start()

    def _run(self, database: Database, viewer: Viewer) -> None:
        while True:
            self._work_available.wait(self._idle_s)
            with self._queue_lock:
                self._work_available.clear()
                if not self._pending:
                    self._is_running = False
                    return
            # Each caller was informed of the error; later callers need this thread.
            with self._write_lock, suppress(Exception):
                self._write_pending(database, viewer)

    def _write_pending(self, database: Database, viewer: Viewer) -> None:
        entries: list[_PendingDisclosure] = []

        def take() -> list[Disclosure]:
            built = [
                (entry, disclosure)
                for entry in self._take_pending()
                if (disclosure := entry.build()) is not None
            ]
            entries.extend(entry for entry, _ in built)
            return [disclosure for _, disclosure in built]

        try:
            _insert(database.ledger, viewer, take)
        except BaseException as error:
            # Each caller is informed; the writing caller also raises the error.
            for entry in entries or self._take_pending():
                entry.settle(error if isinstance(error, StoreError) else StoreError(WRITE_FAILED))
            raise
        for entry in entries:
            entry.settle(None)

    def _take_pending(self) -> list[_PendingDisclosure]:
        with self._queue_lock:
            entries, self._pending = self._pending, []
        return entries


def _insert(ledger: Database, viewer: Viewer, take: Callable[[], Sequence[Disclosure]]) -> None:
    if ledger.is_postgresql:
        # Autocommit needs only one round trip.
        if entries := take():
            with ledger.read_autocommit(viewer) as unit:
                unit.disclosures.add_in_one_statement(entries)
        return
    with ledger.write(viewer, "disclose", Lock.NONE) as unit:
        # Taken only now, so that entries queued during the wait for the writer lock are included.
        if entries := take():
            unit.disclosures.add_all(unit.counters.take("disclosure", len(entries)), entries)
