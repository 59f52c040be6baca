"""Checkpoints of SQLite's log in a thread of their own, so that no writer pays for one.

Left to itself SQLite copies its log into the file within the commit that made it long. Measured: 600
upserts, p99 of a commit 67 ms with checkpoints inside, 10 ms without.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from mpi.storage.backends.checkpoint_process import Copier, copying_apart

COMMITS_PER_CHECKPOINT = 20
"""Some 2 MB of log at 30 pages an upsert. The disk is asked to keep what was copied, and a commit that comes
meanwhile waits for that as well: 20 to 50 ms with 100 commits, and one in a thousand some hundred."""
CHECKPOINT_INTERVAL_S = 0.5
"""As long works do, of which each commit is large."""
LARGE_LOG_PAGES = 5_000
"""Of 20 MB of log what was committed meanwhile is copied at once: where that is all of it, and nobody reads
from it, the next writer begins it anew. A file that grows is slower to sync."""
AUTOCHECKPOINT_PAGES = 250_000
"""Where the thread cannot keep up, SQLite itself makes a checkpoint, within a commit: 1 GB of log."""
_BUSY_TIMEOUT_S = 0.2
"""For whoever reads from the log, while others wait to write."""


class Checkpointer:
    """Makes a checkpoint after every few commits, while others read and write.

    Args:
        path: of the database file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._commits = 0
        self._last_at = time.monotonic()
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._copier: Copier | None = None

    @contextmanager
    def use_own_process(self) -> Iterator[None]:
        """For a long work: a process of its own makes the checkpoints, gently; see ``copier``.

        At its end the log is emptied: whoever writes next would copy all of it at once.
        """
        with copying_apart(self._path) as copier:
            self._copier = copier
            try:
                yield
                self.truncate_log()
            finally:
                self._copier = None

    def count_commit(self) -> None:
        """Count a commit; called by one writer at a time."""
        self._commits += 1
        if self._commits >= COMMITS_PER_CHECKPOINT or time.monotonic() - self._last_at > CHECKPOINT_INTERVAL_S:
            self._commits, self._last_at = 0, time.monotonic()
            if self._copier is not None and self._copier.copy():
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
            self._wake.set()

    def truncate_log(self) -> None:
        """Copy the whole log and empty it, unless somebody goes on reading what was before.

        For a long work that writes without a pause, between two snapshots of its own: the log begins anew
        only where all of it is copied and nobody reads from it, which may never come about by itself.
        """
        if self._copier is not None and self._copier.begin_log_anew():
            return
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            # First what keeps nobody waiting, so that writers wait for little of it.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def stop(self) -> None:
        """End the thread; the log that is left is read by whoever opens the file next."""
        if self._thread is not None:
            self._is_stopping = True
            self._wake.set()
            self._thread.join()
            self._thread, self._is_stopping = None, False
            self._wake.clear()

    def _run(self) -> None:
        with closing(self._connect()) as connection:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._is_stopping:
                    return
                try:
                    # Passive: it waits for nobody and copies what no reader still needs as it was.
                    _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    if pages > LARGE_LOG_PAGES:
                        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except sqlite3.Error:
                    # A full or failing disk is the writers' to tell; the log keeps everything meanwhile.
                    continue

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
