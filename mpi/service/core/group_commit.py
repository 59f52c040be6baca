"""Group commit: upserts of several callers in one transaction.

Callers share the wait for the one writer, and one sync of the disk. The caller that holds the writer lock
runs the steps of all that wait, each as a unit with its own viewer and commit. Nobody is answered before the
transaction is durable. If one step fails, all are rolled back and each runs alone: a caller gets the answer,
or the error, that it would have had by itself.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from mpi.domain.errors import StoreError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.domain.viewer import Viewer
from mpi.storage.backends.sqlite import BUSY
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import WriteUnit, WriteUnits

MAX_STEPS = 8
"""Most steps in one transaction, which bounds the wait of other writers."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class DeferredAnswer(Generic[Answer]):
    """An answer that is read after its transaction has committed.

    Args:
        read: returns the answer. Group commit calls it once, after the commit. It may read results that were
            requested inside the transaction.
    """

    read: Callable[[], Answer]


def _resolve(answer: object) -> object:
    return answer.read() if isinstance(answer, DeferredAnswer) else answer


def _settle_all(answers: "Sequence[tuple[_PendingStep, Any]]") -> None:
    for step, answer in answers:
        step.settle(_resolve(answer))


class _PendingStep:
    """A caller's database work that waits to run in a shared transaction."""

    def __init__(self, viewer: Viewer, kind: str, work: Callable[[WriteUnit], Any]) -> None:
        self.viewer, self.kind, self.work = viewer, kind, work
        self.settled = False
        self.answer: Any = None
        self.error: BaseException | None = None

    def settle(self, answer: object = None, error: BaseException | None = None) -> None:
        """Hand the work's answer or error to the caller that waits."""
        self.answer, self.error, self.settled = answer, error, True

    def run_alone(self, database: Database) -> None:
        """Run the waiting work in a transaction of its own."""
        try:
            with database.write(self.viewer, self.kind) as unit:
                answer = _resolve(self.work(unit))
        except Exception as error:  # noqa: BLE001 - raised again in the thread of the caller
            self.settle(error=error)
        else:
            self.settle(answer)


class GroupCommit:
    """Runs database work of many threads in shared transactions.

    Args:
        concurrent_writer_s: seconds for which another writer counts as concurrent.
    """

    def __init__(self, concurrent_writer_s: float = DEFAULT_TUNING.request.concurrent_writer_s) -> None:
        self._concurrent_writer_s = concurrent_writer_s
        self._queue_lock = threading.Lock()
        self._writer_lock = threading.Lock()
        self._pending: list[_PendingStep] = []
        self._last_commit: int | None = None
        self._shared_at = self._others_wrote_at = -math.inf

    @property
    def is_uncontended(self) -> bool:
        """Whether no two callers and no other process wrote concurrently of late."""
        return time.monotonic() - max(self._shared_at, self._others_wrote_at) >= self._concurrent_writer_s

    @property
    def is_contended_in_process(self) -> bool:
        """Whether writing threads wait for each other but not for other processes."""
        now = time.monotonic()
        return now - self._shared_at < self._concurrent_writer_s < now - self._others_wrote_at

    def write(
        self,
        database: Database,
        viewer: Viewer,
        kind: str,
        work: Callable[[WriteUnit], Answer | DeferredAnswer[Answer]],
    ) -> Answer:
        """Run database work in a transaction shared with other waiting callers.

        Args:
            database: the database of the index.
            viewer: who acts; stored on the commit.
            kind: kind of the commit, such as ``upsert``.
            work: does the work in the given transaction. A second call means that the first one was rolled
                back.

        Returns:
            What ``work`` returned, once it is durable.

        Raises:
            StoreError: the store cannot be used, or was busy for too long; and whatever ``work`` raises.
        """
        step = _PendingStep(viewer, kind, work)
        with self._queue_lock:
            self._pending.append(step)
        self._acquire_turn(step, database.tuning.busy_timeout_ms / 1000)
        try:
            while not step.settled:
                self._run_batch(database)
        finally:
            self._writer_lock.release()
        if step.error is not None:
            raise step.error
        answer: Answer = step.answer
        return answer

    def _acquire_turn(self, step: _PendingStep, timeout_s: float) -> None:
        if self._writer_lock.acquire(timeout=timeout_s):
            return
        with self._queue_lock:
            if step in self._pending:
                self._pending.remove(step)
                raise StoreError(BUSY)
        self._writer_lock.acquire()  # another thread is running the step

    def _run_batch(self, database: Database) -> None:
        steps: list[_PendingStep] = []
        transaction: WriteUnits | None = None
        try:
            with database.write_group(is_small=True, is_contended=not self.is_uncontended) as transaction:
                answers: list[tuple[_PendingStep, Any]] = []
                units: list[WriteUnit] = []
                # One by one, so that steps queued during the wait for the writer lock are included.
                while len(steps) < MAX_STEPS and (step := self._take_next()) is not None:
                    steps.append(step)
                    units.append(transaction(step.viewer, step.kind))
                    answers.append((step, step.work(units[-1])))
                transaction.add_callback(partial(_settle_all, answers))
        except Exception as error:  # noqa: BLE001 - raised again in the threads of the callers
            # Only this transaction tells whether its steps may have been committed.
            self._handle_failure(
                database,
                steps,
                error,
                may_be_committed=transaction is not None and transaction.is_commit_begun,
            )
        else:
            self._record_batch(units)
        finally:
            # After Ctrl-C, inform the other threads that wait for this one.
            for step in steps:
                if not step.settled:
                    step.settle(error=StoreError("the step was interrupted: try again"))

    def _record_batch(self, units: list[WriteUnit]) -> None:
        """Record when callers shared a transaction and when other processes wrote."""
        now = time.monotonic()
        if len(units) > 1:
            self._shared_at = now
        commits = [commit_no for unit in units if (commit_no := unit.assigned_commit_no) is not None]
        if not commits:
            return
        if self._last_commit is not None and commits[0] != self._last_commit + 1:
            self._others_wrote_at = now
        self._last_commit = commits[-1]

    def _take_next(self) -> _PendingStep | None:
        with self._queue_lock:
            return self._pending.pop(0) if self._pending else None

    def _handle_failure(
        self, database: Database, steps: list[_PendingStep], error: Exception, *, may_be_committed: bool
    ) -> None:
        """After a failure, run each caller's work alone or report the error."""
        if len(steps) > 1 and not may_be_committed:
            for step in steps:
                step.run_alone(database)
            return
        if not steps:
            with self._queue_lock:
                steps, self._pending = self._pending, []
        for step in steps:
            if not step.settled:
                step.settle(error=error)
