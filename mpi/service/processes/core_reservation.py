"""Reservation of one core for requests while a batch job runs.

A thread that is woken to answer a request may wait a scheduler tick where every core computes (ADR 0060).
With one idle core it need not wait, and no process has to know of another.
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
from mpi.domain.tuning import DEFAULT_TUNING, PacingTuning
from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database

_RESCAN_INTERVAL_S = 1.0


class CoreReservation:
    """Context of a batch job: one core stays idle while requests arrive.

    It works on Linux only. Requests are noticed by the growth of the disclosure ledger: no answer leaves
    without an entry. The reservation begins as if a request had just been answered, until the first check.

    Args:
        last_line_number: returns the number of the last ledger entry.
        set_affinity: limits this process and its children to some cores.
        tuning: intervals of the checks, and how long the core stays reserved.
    """

    def __init__(
        self,
        last_line_number: Callable[[], int],
        set_affinity: Callable[[frozenset[int]], None] | None = None,
        tuning: PacingTuning = DEFAULT_TUNING.pacing,
    ) -> None:
        self._tuning = tuning
        self._last_line_number = last_line_number
        self._set_affinity = set_affinity or CoreAffinity()
        self._reserved_until = 0.0
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="leaving room", daemon=True)
        self._all_cores = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()

    def __enter__(self) -> Self:
        if len(self._all_cores) > 1:
            self._reserved_until = time.monotonic() + 2 * self._tuning.core_poll_s
            self._set_affinity(self._unreserved_cores)
            self._watcher.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._watcher.is_alive():
            self._stopping.set()
            self._watcher.join()
            self._set_affinity(self._all_cores)

    @property
    def _unreserved_cores(self) -> frozenset[int]:
        return self._all_cores - {max(self._all_cores)}

    def note_request(self) -> None:
        """Record that a request is being answered, so one core stays idle."""
        self._reserved_until = time.monotonic() + self._tuning.core_reserved_s

    def _watch(self) -> None:
        last_line = self._read_last_line(0)
        while not self._stopping.wait(self._tuning.core_poll_s):
            previous_line, last_line = last_line, self._read_last_line(last_line)
            if last_line != previous_line:
                self.note_request()
            self._set_affinity(
                self._unreserved_cores if time.monotonic() < self._reserved_until else self._all_cores
            )

    def _read_last_line(self, previous_line: int) -> int:
        # The next poll reads again; the batch job itself reports a failing store.
        with suppress(StoreError):
            return self._last_line_number()
        return previous_line


class CoreAffinity:
    """Limits this process and its children to some processor cores.

    Children that start later are limited within a second.

    Args:
        find_database_processes: returns the database server's processes that work for some processes. They
            are limited too, as far as the operating system permits.
    """

    def __init__(
        self, find_database_processes: Callable[[Collection[int]], Collection[int]] = lambda _: ()
    ) -> None:
        self._find_database_processes = find_database_processes
        self._cores: frozenset[int] = frozenset()
        self._limited: set[int] = set()
        self._original_cores: dict[int, set[int]] = {}
        self._next_scan_at = 0.0

    def __call__(self, cores: frozenset[int]) -> None:
        """Limit this process and its children to some cores from now on."""
        if cores != self._cores:
            self._cores = cores
            self._limited.clear()
        elif time.monotonic() < self._next_scan_at:
            return
        self._next_scan_at = time.monotonic() + _RESCAN_INTERVAL_S
        own_processes = {*_process_tree(os.getpid())}
        for process in own_processes - self._limited:
            for thread in _thread_ids(process):
                # The thread may have ended.
                with suppress(OSError):
                    os.sched_setaffinity(thread, cores)
            self._limited.add(process)
        with suppress(StoreError):
            for process in {*self._find_database_processes(own_processes)} - self._limited:
                self._limited.add(process)
                # Usually another user's process, which takes a privilege (docs/how-to/postgresql.md).
                with suppress(OSError):
                    original_cores = self._original_cores.setdefault(process, os.sched_getaffinity(process))
                    os.sched_setaffinity(process, original_cores & cores or original_cores)


def _process_tree(process: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield process
    for thread in _thread_ids(process):
        with suppress(OSError):
            for child in Path(f"/proc/{process}/task/{thread}/children").read_text("ascii").split():
                yield from _process_tree(int(child))


def _thread_ids(process: int) -> list[int]:
    """Return the thread numbers of a process; new threads inherit its cores."""
    with suppress(OSError):
        return [int(thread.name) for thread in Path(f"/proc/{process}/task").iterdir()]
    return []


def reserve_core(
    database: Database, viewer: Viewer, tuning: PacingTuning = DEFAULT_TUNING.pacing
) -> CoreReservation:
    """Return a context that keeps one core idle for a database's requests.

    Args:
        database: the database of the index.
        viewer: who runs the batch job.
        tuning: intervals of the checks, and how long the core stays reserved.
    """

    def read_last_line() -> int:
        with database.ledger.read_autocommit(viewer) as unit:
            return unit.disclosures.last_number()

    return CoreReservation(
        read_last_line,
        CoreAffinity(lambda processes: database.server_processes_of(viewer, processes)),
        tuning,
    )
