"""Lease of a source by the process that pulls it."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from mpi.domain import clock
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.processes.worker_liveness import is_worker_alive, worker_name
from mpi.storage.repositories.sources.pull_cursors import PullCursor
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.database import Lock

HEARTBEAT_S = 10.0
"""Seconds between two heartbeats."""
COMMIT_KIND = "pull"


class PullLease:
    """Context in which this process alone pulls a source.

    A thread stores heartbeats, since a connector may wait long for an answer. Once the process is gone,
    another one may pull.

    Args:
        index: the open index.
        viewer: who pulls.
        source: the source.

    Attributes:
        stored: how the last pull of the source ended.

    Raises:
        ConflictError: on entry, another process pulls the source.
    """

    def __init__(self, index: Index, viewer: Viewer, source: Source) -> None:
        self._index, self._viewer, self._source = index, viewer, source
        self._worker = worker_name()
        self._ending = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="pull heartbeat", daemon=True)
        self.stored = PullCursor(source.id)

    def __enter__(self) -> Self:
        with self._index.database.write(self._viewer, COMMIT_KIND) as unit:
            stored = unit.pull_cursors.find(self._source.id) or self.stored
            if is_worker_alive(stored.worker, stored.beat):
                raise ConflictError(
                    f"source {self._source.code!r} is being pulled by another process: wait for its end"
                )
            unit.pull_cursors.claim(self._source.id, self._worker, clock.format_timestamp(clock.now()))
        self.stored = stored
        self._ticker.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._ticker.join()
        # A store that is gone is no matter: others notice that this process has ended.
        with suppress(StoreError), self._index.database.write(self._viewer, COMMIT_KIND, Lock.NONE) as unit:
            unit.pull_cursors.release(self._source.id, self._worker)

    def advance(self, pulled: PullCursor) -> None:
        """Store how the pull ended.

        Args:
            pulled: connection, cursor, times and counts.

        Raises:
            ConflictError: another process has taken the source over.
        """
        with self._index.database.write(self._viewer, COMMIT_KIND, Lock.NONE) as unit:
            if not unit.pull_cursors.advance(pulled, self._worker):
                raise ConflictError(
                    f"source {self._source.code!r} was taken over by another process; what was loaded "
                    "stands, and the next pull repeats it"
                )

    def _tick(self) -> None:
        """Store a heartbeat at intervals, until the pull ends."""
        while not self._ending.wait(HEARTBEAT_S):
            with (
                suppress(StoreError),
                self._index.database.write(self._viewer, COMMIT_KIND, Lock.NONE) as unit,
            ):
                unit.pull_cursors.record_beat(
                    self._source.id, self._worker, clock.format_timestamp(clock.now())
                )
