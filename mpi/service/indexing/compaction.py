"""Compaction of a load's blocking-key segments into the main key table.

Searches read segments like the main table, so an interrupted load leaves a sound index. A load leaves its
last
segments: compacting them would occupy one core alone, while earlier ones are compacted during pair scoring.
    The
next load compacts them, or a serving process, ``mpi rebuild`` or a re-cluster.
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
"""Fewest records of an index for which segments are worth their compaction.

The main table of a smaller index has too few pages.
"""
MIN_STATEMENTS = 500
"""Fewest statements of a file that writes segments; smaller ones gain nothing."""

_MAX_ROWS, _CONTENDED_ROWS = 100_000, 1_000
"""Keys of the first compacting transaction beside other writers.

A thousand keys take two milliseconds.
"""
PROGRESS_LABEL = "merging keys"


class LoadCompaction:
    """Compaction of the segments that one load writes.

    Args:
        index: the open index.
        viewer: who loads.
        statement_count: number of statements of the file.
        progress: reports long steps.

    Attributes:
        last_commit: the load's own last commit, by which later commits of others are seen.
    """

    def __init__(self, index: Index, viewer: Viewer, statement_count: int, progress: Progress) -> None:
        self._index = index
        self._viewer = viewer
        self._is_worth_runs = statement_count >= MIN_STATEMENTS
        self._progress = progress
        self._portions = AdaptiveBatchSize(_MAX_ROWS, _CONTENDED_ROWS)
        self._indexed = 0
        self.last_commit: int | None = None

    def note_other_writer(self) -> None:
        """Record that another process has written."""
        self._portions.note_other_writer()

    def should_write_segment(self, unit: WriteUnit) -> bool:
        """Return whether a transaction writes its keys into a segment.

        Otherwise the keys go into the main table.
        """
        if not self._is_worth_runs:
            return False
        self._indexed = unit.keys.max_record_id(self._index.config_id(unit))
        return self._indexed >= MIN_INDEX_RECORDS

    def compact_while(self, is_waited_for: Callable[[], bool]) -> None:
        """Compact while the caller waits, and longer if too many records are uncompacted.

        Args:
            is_waited_for: returns whether the caller still waits.
        """
        forced_records = max(MAX_UNMERGED_RECORDS, self._indexed // MAX_UNMERGED_SHARE)
        with self._index.database.read(self._viewer) as unit:
            waiting = unit.keys.segments.uncompacted(self._index.config_id(unit))
        worthwhile_records = max(MIN_MERGE_RECORDS, self._indexed // MIN_MERGE_SHARE)
        is_worth_it = waiting.is_compacting or waiting.record_count >= worthwhile_records
        is_begun = False
        while waiting.record_count >= forced_records or (
            waiting.record_count and is_worth_it and is_waited_for()
        ):
            # How far it comes nobody knows: until what is waited for is there. To count the keys takes long.
            self._progress(PROGRESS_LABEL, 0, 0)
            is_begun, waiting = True, self._compact_batch()
        if is_begun:
            self._progress(PROGRESS_LABEL, 1, 1)

    def _compact_batch(self) -> UncompactedKeys:
        """Compact what one transaction may, and return what is left."""
        database = self._index.database
        with self._portions.timed_turn(), database.write(self._viewer, "load") as unit:
            self._portions.note_begin(unit)
            self._note_other_commits(unit)
            unit.keys.segments.compact(self._portions.max_items)
            left = unit.keys.segments.uncompacted(self._index.config_id(unit))
        # There is more to come, and a run is searched as well: it is not too late to stop.
        database.is_commit_begun = False
        return left

    def _note_other_commits(self, unit: WriteUnit) -> None:
        last_commit = unit.last_commit()
        if self.last_commit is not None and last_commit != self.last_commit:
            self._portions.note_other_writer()
            self.last_commit = last_commit

    def compact_at_end(self) -> None:
        """Compact once all is written, if too many records are uncompacted.

        An error or an interrupt leaves segments, and a complete load.
        """
        # It is no fault of the load: what is left is searched as well, and the next one merges it.
        with suppress(KeyboardInterrupt, MpiError):
            self.compact_while(lambda: False)
        self._index.database.is_commit_begun = True


def compact_all_segments(database: Database, viewer: Viewer, pace: Pace) -> None:
    """Compact all segments in transactions so short that nobody waits long."""
    while row_count := _rows_waiting(database, viewer):
        for batch in pace.batches(range(row_count)):
            with batch.transaction() as unit:
                if not unit.keys.segments.compact(len(batch.items)):
                    return


def _rows_waiting(database: Database, viewer: Viewer) -> int:
    with database.read(viewer) as unit:
        return unit.keys.segments.count_uncompacted_rows()
