"""Upserts of several callers in one transaction: they share its wait for the one writer, and its sync.

Whoever has the turn does the steps of all that wait, each as a unit with a viewer and commit of its own.
Nobody is answered before the transaction is durable. Where one step fails all are taken back, and each is
done alone: a caller gets the answer, or the error, that it would have had by itself.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.storage.backends.sqlite import BUSY
from mpi.storage.unit_of_work.database import BUSY_TIMEOUT_MS, Database
from mpi.storage.unit_of_work.unit import WriteUnit, WriteUnits

RECENT_S = 1.0
"""For so long after steps shared a transaction, or others have written in between, they are at it still."""
MAX_STEPS = 8
"""Steps of one transaction: other writers wait no longer than for so many."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class DeferredAnswer(Generic[Answer]):
    """An answer that nothing of the transaction depends on: it is read once that is kept.

    Args:
        read: reads what was asked in the transaction, and what else it then takes, as it stands by then.
    """

    read: Callable[[], Answer]


def _resolve(answer: object) -> object:
    return answer.read() if isinstance(answer, DeferredAnswer) else answer


def _settle_all(answers: "Sequence[tuple[_Call, Any]]") -> None:
    for call, answer in answers:
        call.settle(_resolve(answer))


class _PendingStep:
    """A step that waits to be done."""

    def __init__(self, viewer: Viewer, kind: str, work: Callable[[WriteUnit], Any]) -> None:
        self.viewer, self.kind, self.work = viewer, kind, work
        self.settled = False
        self.answer: Any = None
        self.error: BaseException | None = None

    def settle(self, answer: object = None, error: BaseException | None = None) -> None:
        self.answer, self.error, self.settled = answer, error, True

    def alone(self, database: Database) -> None:
        try:
            with database.write(self.viewer, self.kind) as unit:
                answer = _resolve(self.work(unit))
        except Exception as error:  # noqa: BLE001 - it is raised where the call was made
            self.settle(error=error)
        else:
            self.settle(answer)


class GroupCommit:
    """Takes steps from many threads, and returns when each is durable."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_PendingStep] = []
        self._last_commit: int | None = None
        self._shared = self._others_wrote = -math.inf

    @property
    def are_alone(self) -> bool:
        """Whether neither others nor several of this process at a time have written lately."""
        return time.monotonic() - max(self._shared, self._others_wrote) >= RECENT_S

    @property
    def wait_for_each_other(self) -> bool:
        """Whether steps of this process wait for each other, and for those of no other process."""
        now = time.monotonic()
        return now - self._shared < RECENT_S < now - self._others_wrote

    def write(
        self,
        database: Database,
        viewer: Viewer,
        kind: str,
        work: Callable[[WriteUnit], Answer | DeferredAnswer[Answer]],
    ) -> Answer:
        """Do a step, with others that wait.

        Args:
            database: of the index.
            viewer: who acts; goes on the commit.
            kind: what is done.
            work: does it. It may be called twice, and then the first time was taken back.

        Raises:
            StoreError: the store cannot be used, or was busy for too long; and whatever ``work`` raises.
        """
        call = _PendingStep(viewer, kind, work)
        with self._guard:
            self._waiting.append(call)
        self._have_turn(call)
        try:
            while not call.settled:
                self._do_some(database)
        finally:
            self._turn.release()
        if call.error is not None:
            raise call.error
        return call.answer  # type: ignore[no-any-return]

    def _have_turn(self, call: _PendingStep) -> None:
        if self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            return
        with self._guard:
            if call in self._waiting:
                self._waiting.remove(call)
                raise StoreError(BUSY)
        self._turn.acquire()  # somebody is at it

    def _do_some(self, database: Database) -> None:
        taken: list[_PendingStep] = []
        begun: WriteUnits | None = None
        try:
            with database.write_group(is_small=True, is_contended=not self.are_alone) as begun:
                answers: list[tuple[_PendingStep, Any]] = []
                units: list[WriteUnit] = []
                # One by one, so that whoever came while the writer's place was waited for is taken too.
                while len(taken) < MAX_STEPS and (call := self._next()) is not None:
                    taken.append(call)
                    units.append(begun(call.viewer, call.kind))
                    answers.append((call, call.work(units[-1])))
                begun.add_callback(partial(_settle_all, answers))
        except Exception as error:  # noqa: BLE001 - it is raised where the calls were made
            # What other transactions of this process have come to says nothing of this one.
            self._failed(database, taken, error, may_be_kept=begun is not None and begun.is_commit_begun)
        else:
            self._note(units)
        finally:
            # Ctrl-C: whoever else waits for this thread is told.
            for call in taken:
                if not call.settled:
                    call.settle(error=StoreError("the step was interrupted: try again"))

    def _note(self, units: list[WriteUnit]) -> None:
        """Take note of who has shared a transaction, and of others' commits before it."""
        now = time.monotonic()
        if len(units) > 1:
            self._shared = now
        commits = [number for unit in units if (number := unit.assigned_commit_no) is not None]
        if not commits:
            return
        if self._last_commit is not None and commits[0] != self._last_commit + 1:
            self._others_wrote = now
        self._last_commit = commits[-1]

    def _next(self) -> _PendingStep | None:
        with self._guard:
            return self._waiting.pop(0) if self._waiting else None

    def _failed(self, database: Database, taken: list[_PendingStep], error: Exception, *, may_be_kept: bool) -> None:
        """Do each alone, unless it was; where none could be begun, or the commit failed, all are told."""
        if len(taken) > 1 and not may_be_kept:
            for call in taken:
                call.alone(database)
            return
        if not taken:
            with self._guard:
                taken, self._waiting = self._waiting, []
        for call in taken:
            if not call.settled:
                call.settle(error=error)
