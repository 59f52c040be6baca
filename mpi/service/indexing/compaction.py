"""Where the blocking keys of a load go: into runs, and from there among all, in short transactions.

A run is searched like all the others, so that whoever is interrupted leaves an index that is sound. A load
leaves its last ones: to merge them it would hold a core alone, where the others were merged beside the search
for pairs. The next load merges them with its own, or whoever serves, ``mpi rebuild``, or a re-cluster.
"""

from collections.abc import Callable
from contextlib import suppress

from mpi.domain.errors import MpiError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress
from mpi.service.processes.pacing import AdaptiveBatchSize, Pace
from mpi.storage.key_index.key_segments import UncompactedKeys
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.unit import WriteUnit

MAX_UNMERGED_RECORDS, MAX_UNMERGED_SHARE = 200_000, 10
"""Of how many records keys are merged at the latest, or of a tenth of the index where that is more: a merge
writes every page of all keys, so that fewer cost more to merge. Every process that searches keeps what waits
in memory, some 400 bytes a record, and looks into it besides."""
MIN_MERGE_RECORDS, MIN_MERGE_SHARE = 40_000, 25
"""Of how many a merge is worth it while the writer has nothing else to do, or of a twenty-fifth of the index
where that is more."""
MIN_INDEX_RECORDS = 30_000
"""From this many records on the table of all has so many pages that a run is worth its merge."""
MIN_STATEMENTS = 500
"""A file of fewer writes its keys among all: they would be merged by themselves."""

_MAX_ROWS, _CONTENDED_ROWS = 100_000, 1_000
"""Keys of a transaction that merges, and of the first beside others: a thousand take two milliseconds."""
PROGRESS_LABEL = "merging keys"


class LoadCompaction:
    """The runs of one load.

    Args:
        index: the open index.
        viewer: who loads.
        statements: how many the file has.
        progress: told of long steps.

    Attributes:
        last_commit: the load's own last, by which it is seen that others have written since.
    """

    def __init__(self, index: Index, viewer: Viewer, statements: int, progress: Progress) -> None:
        self._index = index
        self._viewer = viewer
        self._is_worth_runs = statements >= MIN_STATEMENTS
        self._progress = progress
        self._portions = AdaptiveBatchSize(_MAX_ROWS, _CONTENDED_ROWS)
        self._indexed = 0
        self.last_commit: int | None = None

    def others_write(self) -> None:
        """Take note that others have written meanwhile."""
        self._portions.others_write()

    def is_worth_one(self, unit: WriteUnit) -> bool:
        """Whether the keys of a transaction are put into a run, and not among all."""
        if not self._is_worth_runs:
            return False
        self._indexed = unit.keys.max_record_id(self._index.config_id(unit))
        return self._indexed >= MIN_INDEX_RECORDS

    def merge_meanwhile(self, is_waited_for: Callable[[], bool]) -> None:
        """Merge while something else is waited for, and on where too much waits to be merged.

        Args:
            is_waited_for: whether what is waited for is still to come.
        """
        many = max(MAX_UNMERGED_RECORDS, self._indexed // MAX_UNMERGED_SHARE)
        with self._index.database.read(self._viewer) as unit:
            waiting = unit.keys.segments.uncompacted(self._index.config_id(unit))
        worth = max(MIN_MERGE_RECORDS, self._indexed // MIN_MERGE_SHARE)
        is_worth_it = waiting.is_compacting or waiting.record_count >= worth
        is_begun = False
        while waiting.record_count >= many or (waiting.record_count and is_worth_it and is_waited_for()):
            # How far it comes nobody knows: until what is waited for is there. To count the keys takes long.
            self._progress(PROGRESS_LABEL, 0, 0)
            is_begun, waiting = True, self._merge_some()
        if is_begun:
            self._progress(PROGRESS_LABEL, 1, 1)

    def _merge_some(self) -> UncompactedKeys:
        """Merge as much as a transaction may; returns what is left."""
        database = self._index.database
        with self._portions.turn(), database.write(self._viewer, "load") as unit:
            self._portions.begun(unit)
            self._see_others(unit)
            unit.keys.segments.compact(self._portions.most)
            left = unit.keys.segments.uncompacted(self._index.config_id(unit))
        # There is more to come, and a run is searched as well: it is not too late to stop.
        database.is_commit_begun = False
        return left

    def _see_others(self, unit: WriteUnit) -> None:
        last = unit.last_commit()
        if self.last_commit is not None and last != self.last_commit:
            self._portions.others_write()
            self.last_commit = last

    def merge_at_the_end(self) -> None:
        """Merge where too much waits once all is written; what stops that leaves runs, and a whole load."""
        # It is no fault of the load: what is left is searched as well, and the next one merges it.
        with suppress(KeyboardInterrupt, MpiError):
            self.merge_meanwhile(lambda: False)
        self._index.database.is_commit_begun = True


def compact_all_segments(database: Database, viewer: Viewer, pace: Pace) -> None:
    """Merge all that waits, so little in each transaction that nobody waits long for one."""
    while left := _rows_waiting(database, viewer):
        for part in pace.parts(range(left)):
            with part.turn() as unit:
                if not unit.keys.segments.compact(len(part.items)):
                    return


def _rows_waiting(database: Database, viewer: Viewer) -> int:
    with database.read(viewer) as unit:
        return unit.keys.segments.count_uncompacted_rows()
