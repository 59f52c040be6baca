"""Background compaction of blocking-key segments that loads left behind.

A serving process runs it in a child process with long rests, because a compacting thread would keep request
threads from the interpreter for milliseconds. Of several serving processes one compacts: each stops where
another has taken over.
"""

import sys
import time

from mpi.domain.errors import StoreError
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.processes.child_process import run_in_child_process
from mpi.service.processes.pacing import Pace
from mpi.storage.unit_of_work.database import Database

ABANDONED_AFTER_S = 60.0
"""Seconds without a new segment after which an unfinished load counts as stopped.

If the load still runs, no harm is done: two processes may compact at one time.
"""
COMMIT_KIND = "merge"


class CompactionMonitor:
    """Repeated check whether loads left key-index segments to compact."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._since = time.monotonic()
        self._cursors: frozenset[tuple[int, ...]] | None = None

    def is_compaction_due(self, index: Index, viewer: Viewer) -> bool:
        """Return whether leftover key-index segments exist that nobody is compacting.

        Not while a load runs. A compaction since the last check counts as running, even if this process
        started it.
        """
        with index.database.read(viewer) as unit:
            newest, are_loads_done = unit.keys.segments.newest_mark(), unit.batches.are_all_done()
            cursors = unit.keys.segments.compaction_cursors()
        is_compacting = cursors != self._cursors
        self._cursors = cursors
        if newest != self._newest:
            self._newest, self._since = newest, time.monotonic()
        if newest is None or is_compacting:
            return False
        return are_loads_done or time.monotonic() - self._since >= ABANDONED_AFTER_S


def compact_in_child_process(database: Database, viewer: Viewer, tuning: Tuning = DEFAULT_TUNING) -> None:
    """Compact leftover key-index segments in a child process, until none remains.

    Stops early where another process has taken over.

    Raises:
        StoreError: the process was killed from outside, or the store fails; compacted segments stay
            compacted.
        EngineError: the process cannot be started, or it failed.
    """
    ended_error = StoreError("the process that merges keys was ended: another goes on where it stopped")
    # At normal priority: a slower process would hold the writer's lock for longer.
    run_in_child_process(_compact, database.url, viewer, tuning, niceness=0, ended_error=ended_error)


def compact_leftover_segments(database: Database, viewer: Viewer, tuning: Tuning = DEFAULT_TUNING) -> None:
    """Merge the blocking-key segments that loads left, until none is left.

    It stops early if another process has begun to merge them.
    """
    own_cursors: frozenset[tuple[int, ...]] | None = None
    last_commit: int | None = None
    contended_until = 0.0
    pace = Pace(database, viewer, COMMIT_KIND, tuning=tuning.pacing)
    uncontended_rest, contended_rest = pace.rest_factor, tuning.compaction.background_rest_factor
    for batch in pace.batches(range(sys.maxsize), max_items=tuning.compaction.background_rows):
        with batch.transaction() as unit:
            segments = unit.keys.segments
            if (
                own_cursors is not None and segments.compaction_cursors() != own_cursors
            ) or not segments.compact(len(batch.items)):
                return
            own_cursors = segments.compaction_cursors()
            # Compaction adds no commit, so a new commit is another writer's.
            previous_commit, last_commit = last_commit, unit.last_commit()
            if previous_commit is not None and previous_commit != last_commit:
                contended_until = time.monotonic() + tuning.pacing.contended_for_s
            is_contended = time.monotonic() < contended_until
            pace.rest_factor = contended_rest if is_contended else uncontended_rest


def _compact(url: str, viewer: Viewer, tuning: Tuning) -> None:
    database = Database(url, tuning=tuning.storage)
    try:
        compact_leftover_segments(database, viewer, tuning)
    finally:
        database.dispose()
