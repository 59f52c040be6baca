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
from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database

POLL_INTERVAL_S = 0.1
RESERVED_AFTER_REQUEST_S = 10.0
"""Seconds after the last answer for which a core stays reserved."""
_RESCAN_INTERVAL_S = 1.0


class CoreReservation:
    """Context in which a core is left idle while requests are answered. Linux only.

    Requests are noticed by the growth of the disclosure ledger: no answer leaves without an entry. The
    reservation begins as if a request had just been answered, until the first check.

    Args:
        last_line_number: returns the number of the last ledger entry.
        set_affinity: limits this process and its children to some cores.
    """

    def __init__(
        self,
        last_line_number: Callable[[], int],
        set_affinity: Callable[[frozenset[int]], None] | None = None,
    ) -> None:
        self._answered = last_line_number
        self._keep_to = set_affinity or CoreAffinity()
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

    def note_request(self) -> None:
        """Record that a request is being answered."""
        self._until = time.monotonic() + RESERVED_AFTER_REQUEST_S

    def _watch(self) -> None:
        last_line = self._last(0)
        while not self._done.wait(POLL_INTERVAL_S):
            previous_line, last_line = last_line, self._last(last_line)
            if last_line != previous_line:
                self.note_request()
            self._keep_to(self._all_but_one if time.monotonic() < self._until else self._all)

    def _last(self, previous_line: int) -> int:
        # What cannot be read now is read at the next look; the work itself tells of a store that fails.
        with suppress(StoreError):
            return self._answered()
        return previous_line


class CoreAffinity:
    """Limits this process and its children to some cores.

    Children that start later are limited within a second.

    Args:
        find_database_processes: returns the database server's processes that work for some processes. They
            are limited too, as far as the operating system permits.
    """

    def __init__(
        self, find_database_processes: Callable[[Collection[int]], Collection[int]] = lambda _: ()
    ) -> None:
        self._serving = find_database_processes
        self._cores: frozenset[int] = frozenset()
        self._told: set[int] = set()
        self._served_on: dict[int, set[int]] = {}
        self._looks_at = 0.0

    def __call__(self, cores: frozenset[int]) -> None:
        """Limit the processes to some cores from now on."""
        if cores != self._cores:
            self._cores = cores
            self._told.clear()
        elif time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + _RESCAN_INTERVAL_S
        own_processes = {*_process_tree(os.getpid())}
        for process in own_processes - self._told:
            for thread in _thread_ids(process):
                # One that has just ended needs no core.
                with suppress(OSError):
                    os.sched_setaffinity(thread, cores)
            self._told.add(process)
        with suppress(StoreError):
            for process in {*self._serving(own_processes)} - self._told:
                self._told.add(process)
                # Another user's, as it mostly is: that takes a privilege (docs/how-to/postgresql.md).
                with suppress(OSError):
                    original_cores = self._served_on.setdefault(process, os.sched_getaffinity(process))
                    os.sched_setaffinity(process, original_cores & cores or original_cores)


def _process_tree(process: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield process
    for thread in _thread_ids(process):
        with suppress(OSError):
            for child in Path(f"/proc/{process}/task/{thread}/children").read_text("ascii").split():
                yield from _process_tree(int(child))


def _thread_ids(process: int) -> list[int]:
    """Return the threads of a process; threads they start inherit the cores."""
    with suppress(OSError):
        return [int(thread.name) for thread in Path(f"/proc/{process}/task").iterdir()]
    return []


def reserve_core(database: Database, viewer: Viewer) -> CoreReservation:
    """Return a reservation that watches the ledger of a database.

    Args:
        database: the database of the index.
        viewer: who runs the batch job.
    """

    def read_last_line() -> int:
        with database.ledger.read_autocommit(viewer) as unit:
            return unit.disclosures.last_number()

    return CoreReservation(
        read_last_line, CoreAffinity(lambda processes: database.server_processes_of(viewer, processes))
    )
