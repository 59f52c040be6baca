"""Runs of keys that loads left, merged by whoever serves: in a process of its own, with long rests.

A thread that merges would keep those that answer from the interpreter, for milliseconds at a time. Of several
processes that serve one merges: each stops where another goes on with what it was at.
"""

import sys
import time

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.processes.child_process import run_in_child_process
from mpi.service.processes.pacing import CONTENDED_FOR_S, Pace
from mpi.storage.unit_of_work.database import Database

ABANDONED_AFTER_S = 60.0
"""When no run has been begun for so long, the load that is not done is at work no more. If it is, no harm is
done: two may merge at the same time."""
REST_FACTOR = 4.0
"""After each transaction beside others, as many times as long: the writer's place is free nearly always."""
MAX_ROWS = 50_000
"""Of a transaction, which takes no longer than another: a key is one row, and soon moved."""
COMMIT_KIND = "merge"


class CompactionMonitor:
    """What loads left, looked at again and again by a process that serves."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._since = time.monotonic()
        self._merged: frozenset[tuple[int, ...]] | None = None

    def are_left(self, index: Index, viewer: Viewer) -> bool:
        """Whether there are runs, no load is at work, and nobody has merged since this was asked before.

        A merge that this very process had begun counts as somebody's.
        """
        with index.database.read(viewer) as unit:
            newest, are_done = unit.keys.segments.newest_mark(), unit.batches.are_all_done()
            merged = unit.keys.segments.compaction_cursors()
        is_merged = merged != self._merged
        self._merged = merged
        if newest != self._newest:
            self._newest, self._since = newest, time.monotonic()
        if newest is None or is_merged:
            return False
        return are_done or time.monotonic() - self._since >= ABANDONED_AFTER_S


def compact_in_child_process(database: Database, viewer: Viewer) -> None:
    """Merge what loads left in a process of its own, until none is left or somebody else does it.

    Raises:
        StoreError: the process was ended from outside, or the store fails; what is merged is merged.
        EngineError: no process can be begun, or it failed.
    """
    ended = StoreError("the process that merges keys was ended: another goes on where it stopped")
    # Not nicer than others: it holds the writer's place, for which they would wait the longer.
    run_in_child_process(_compact, database.url, viewer, niceness=0, ended=ended)


def compact_leftover_segments(database: Database, viewer: Viewer) -> None:
    """Merge what loads left until none is left, or somebody else has gone on with it."""
    mine: frozenset[tuple[int, ...]] | None = None
    last_commit: int | None = None
    others_until = 0.0
    pace = Pace(database, viewer, COMMIT_KIND)
    alone = pace.rests
    for part in pace.parts(range(sys.maxsize), largest=MAX_ROWS):
        with part.turn() as unit:
            recent = unit.keys.segments
            if (mine is not None and recent.compaction_cursors() != mine) or not recent.compact(len(part.items)):
                return
            mine = recent.compaction_cursors()
            # A merge is no commit of its own: nothing that anybody is told has changed.
            seen, last_commit = last_commit, unit.last_commit()
            if seen is not None and seen != last_commit:
                others_until = time.monotonic() + CONTENDED_FOR_S
            pace.rests = REST_FACTOR if time.monotonic() < others_until else alone


def _compact(url: str, viewer: Viewer) -> None:
    database = Database(url)
    try:
        compact_leftover_segments(database, viewer)
    finally:
        database.dispose()
