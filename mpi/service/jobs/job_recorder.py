"""Recording of a job's progress by the process that does it.

The work calls ``report`` as often as it likes. A thread stores the latest report every few seconds, in a
transaction of its own that leaves no commit: the work may hold a transaction while it reports.
"""

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from mpi.domain import clock
from mpi.domain.errors import ConflictError, MpiError, StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.processes.worker_liveness import worker_name
from mpi.storage.repositories.steps.jobs import JobState, StoredJob
from mpi.storage.unit_of_work.database import Lock

RECORD_INTERVAL_S = 2.0
"""Seconds between two stored reports."""
_END_PAUSES_S = (0.1, 1.0, 5.0)
"""Seconds before each further attempt to store that a job has ended."""
_COMMIT_KIND = "job"
_UNEXPECTED = "the work failed for a reason that the log of the server names: look there, then begin again"


class JobRecorder:
    """Context in which this process does a job and stores its progress.

    Args:
        index: the open index.
        viewer: who began the job.
        job: the job as it was begun.

    Attributes:
        result: number of what the job made, to be set by the work.

    Raises:
        ConflictError: on entry, another process does the job.
        StoreError: on exit, the store takes no more: the job is ``interrupted`` once this process is gone.
    """

    def __init__(self, index: Index, viewer: Viewer, job: StoredJob) -> None:
        self.result: int | None = None
        self._index, self._viewer, self._job = index, viewer, job
        self._worker = worker_name()
        self._stage, self._stage_at, self._done, self._total = "", "", 0, 0
        self._ending = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="job progress", daemon=True)

    def __enter__(self) -> Self:
        now = clock.format_timestamp(clock.now())
        with self._index.database.write(self._viewer, _COMMIT_KIND, Lock.NONE) as unit:
            if not unit.jobs.take_over(self._job.id, self._job.worker, self._worker, now):
                raise ConflictError(f"job {self._job.id} is done by another process, or has ended")
        self._ticker.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._ticker.join()
        text = None if error is None else str(error) if isinstance(error, MpiError) else _UNEXPECTED
        state = JobState.DONE if error is None else JobState.FAILED
        self._try_to_store()
        self._end(state, text)

    def report(self, stage: str, done: int, total: int) -> None:
        """Note how far the job is.

        Args:
            stage: name of the present step.
            done: items of the step that are done.
            total: all items of the step.
        """
        if stage != self._stage or done < self._done:
            self._stage_at = clock.format_timestamp(clock.now())
        self._stage, self._done, self._total = stage, done, total

    def _tick(self) -> None:
        """Store the latest report at intervals, until the job ends."""
        while not self._ending.wait(RECORD_INTERVAL_S):
            self._try_to_store()

    def _try_to_store(self) -> None:
        """Store the latest report, unless the store is busy."""
        # A busy store is tried again; the work itself reports a failing one.
        with suppress(StoreError):
            self._store()

    def _end(self, state: JobState, error: str | None) -> None:
        """Store that the job has ended, if need be again."""
        for pause_s in _END_PAUSES_S:
            with suppress(StoreError):
                end_job(self._index, self._viewer, self._job.id, state, result=self.result, error=error)
                return
            time.sleep(pause_s)
        end_job(self._index, self._viewer, self._job.id, state, result=self.result, error=error)

    def _store(self) -> None:
        """Store a heartbeat and the latest report."""
        now = clock.format_timestamp(clock.now())
        with self._index.database.write(self._viewer, _COMMIT_KIND, Lock.NONE) as unit:
            unit.jobs.record_progress(
                self._job.id, self._worker, now, self._stage, self._stage_at, self._done, self._total
            )


def end_job(
    index: Index,
    viewer: Viewer,
    number: int,
    state: JobState,
    *,
    result: int | None = None,
    error: str | None = None,
) -> None:
    """Store that a running job has ended.

    Args:
        index: the open index.
        viewer: who began it.
        number: the job.
        state: ``done`` or ``failed``.
        result: number of what it made.
        error: why it failed; of no person.
    """
    with index.database.write(viewer, _COMMIT_KIND, Lock.NONE) as unit:
        unit.jobs.end(number, state, clock.format_timestamp(clock.now()), result=result, error=error)
