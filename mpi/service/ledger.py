"""The ledger as a process writes it: what several calls disclose at once goes down in one transaction.

Each call still waits until its own line is durable. Whoever comes first writes for all that have come
meanwhile: eight readers then share one sync of the disk instead of queueing for eight.
"""

import threading

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.storage.database import Database, Lock
from mpi.storage.repositories.disclosures import Disclosure


class _Line:
    """A disclosure that waits to be written."""

    def __init__(self, disclosure: Disclosure) -> None:
        self.disclosure = disclosure
        self.written = False
        self.failed = False


class Ledger:
    """Takes disclosures from many threads and returns when each is durable."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Line] = []

    def write(self, database: Database, viewer: Viewer, disclosure: Disclosure) -> None:
        """Write a disclosure down, with whatever else waits.

        Args:
            database: where the ledger is.
            viewer: who is about to be answered.
            disclosure: what is about to leave.

        Raises:
            StoreError: it could not be written; the answer must not leave.
        """
        line = _Line(disclosure)
        with self._guard:
            self._waiting.append(line)
        with self._turn:
            if not line.written and not line.failed:
                self._write_all(database, viewer)
        if line.failed:
            raise StoreError(
                "the ledger of disclosures could not be written, so nothing was answered: try again"
            )

    def _write_all(self, database: Database, viewer: Viewer) -> None:
        with self._guard:
            lines, self._waiting = self._waiting, []
        try:
            with database.ledger.write(viewer, "disclose", Lock.NONE) as unit:
                first = unit.counters.take("disclosure", len(lines))
                unit.disclosures.add_all(first, [line.disclosure for line in lines])
        except BaseException:
            # Their own threads say so to their callers; this one raises what happened.
            for line in lines:
                line.failed = True
            raise
        for line in lines:
            line.written = True
