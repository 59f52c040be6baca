"""Leaving room: a process that works on all cores leaves one to those who answer, while they are asked.

Who is woken to answer waits where every core computes, for a tick of the system if need be (ADR 0060). With
one core that nobody else computes on they need not wait, and nobody has to know anything of them.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database

POLL_INTERVAL_S = 0.1
RESERVED_AFTER_REQUEST_S = 10.0
"""For so long after the last answer others are taken to be asking still."""
_RESCAN_INTERVAL_S = 1.0


class CoreReservation:
    """Leaves a core while the ledger grows: no answer leaves without a line. Only on Linux.

    It begins as if somebody had just asked, for so long as it takes to see whether anybody does.

    Args:
        answered: the number of the last line.
        keep_to: has this process, and those that it began, run on some cores only.
    """

    def __init__(
        self, answered: Callable[[], int], keep_to: Callable[[frozenset[int]], None] | None = None
    ) -> None:
        self._answered = answered
        self._keep_to = keep_to or CoreAffinity()
        self._until = 0.0
        self._done = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="leaving room", daemon=True)
        self._all = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()

    def __enter__(self) -> Self:
        if len(self._all) > 1:
            self._until = time.monotonic() + 2 * POLL_INTERVAL_S
            self._keep_to(self._all_but_one)
            self._watching.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._watching.is_alive():
            self._done.set()
            self._watching.join()
            self._keep_to(self._all)

    @property
    def _all_but_one(self) -> frozenset[int]:
        return self._all - {max(self._all)}

    def is_asked(self) -> None:
        """Take note that somebody is at work of whom the ledger does not tell."""
        self._until = time.monotonic() + RESERVED_AFTER_REQUEST_S

    def _watch(self) -> None:
        last = self._last(0)
        while not self._done.wait(POLL_INTERVAL_S):
            before, last = last, self._last(last)
            if last != before:
                self.is_asked()
            self._keep_to(self._all_but_one if time.monotonic() < self._until else self._all)

    def _last(self, known: int) -> int:
        # What cannot be read now is read at the next look; the work itself tells of a store that fails.
        with suppress(StoreError):
            return self._answered()
        return known


class CoreAffinity:
    """Has this process, and those that it began, run on some cores; those begun later within a second.

    Args:
        serving: those of the database server that work for some processes; they keep to those cores as far
            as they may run there, and as far as the system lets this process say so.
    """

    def __init__(self, serving: Callable[[Collection[int]], Collection[int]] = lambda _: ()) -> None:
        self._serving = serving
        self._cores: frozenset[int] = frozenset()
        self._told: set[int] = set()
        self._served_on: dict[int, set[int]] = {}
        self._looks_at = 0.0

    def __call__(self, cores: frozenset[int]) -> None:
        """Keep to cores from here on."""
        if cores != self._cores:
            self._cores = cores
            self._told.clear()
        elif time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + _RESCAN_INTERVAL_S
        family = {*_process_tree(os.getpid())}
        for process in family - self._told:
            for thread in _thread_ids(process):
                # One that has just ended needs no core.
                with suppress(OSError):
                    os.sched_setaffinity(thread, cores)
            self._told.add(process)
        with suppress(StoreError):
            for process in {*self._serving(family)} - self._told:
                self._told.add(process)
                # Another user's, as it mostly is: that takes a privilege (docs/how-to/postgresql.md).
                with suppress(OSError):
                    own = self._served_on.setdefault(process, os.sched_getaffinity(process))
                    os.sched_setaffinity(process, own & cores or own)


def _process_tree(process: int) -> Iterator[int]:
    """A process, those that it began, and those that they began."""
    yield process
    for thread in _thread_ids(process):
        with suppress(OSError):
            for child in Path(f"/proc/{process}/task/{thread}/children").read_text("ascii").split():
                yield from _process_tree(int(child))


def _thread_ids(process: int) -> list[int]:
    """The threads of a process; those that they begin run where they do."""
    with suppress(OSError):
        return [int(thread.name) for thread in Path(f"/proc/{process}/task").iterdir()]
    return []


def reserve_core(database: Database, viewer: Viewer) -> CoreReservation:
    """Leave a core to those who answer from an index.

    Args:
        database: of the index.
        viewer: who works.
    """

    def answered() -> int:
        with database.ledger.read_autocommit(viewer) as unit:
            return unit.disclosures.last_number()

    return CoreReservation(answered, CoreAffinity(lambda processes: database.server_processes_of(viewer, processes)))
