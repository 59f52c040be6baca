"""Compaction of a load's blocking-key segments into the main key table.

Searches read segments like the main table, so an interrupted load leaves a sound index. A load leaves its
last segments, because compacting them would occupy one core alone; earlier ones are compacted during pair
scoring. The next load compacts them, or a serving process, ``mpi rebuild`` or a re-cluster.
"""

from collections.abc import Callable
from contextlib import suppress

from mpi.domain.errors import MpiError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress
from mpi.service.processes.pacing import AdaptiveBatchSize, Pace
from mpi.storage.key_index.segment_reader import UncompactedKeys
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import WriteUnit

PROGRESS_LABEL = "merging keys"


class LoadCompaction:
    """Compaction of the key-index segments that one load writes.

    A segment is a sorted run of blocking keys beside the main key table, into which compaction merges it.

    Args:
        index: the open index.
        viewer: who loads.
        statement_count: number of records of the loaded file, or of changes that a sync takes over.
        progress: reports long steps.
        forced_records: uncompacted records that force a compaction between two transactions; by default as
            tuned, but at least a share of the index.

    Attributes:
        last_commit: the load's own last commit, by which later commits of others are seen.
    """

    def __init__(
        self,
        index: Index,
        viewer: Viewer,
        statement_count: int,
        progress: Progress,
        forced_records: int | None = None,
    ) -> None:
        self._index = index
        self._tuning = index.tuning.compaction
        self._viewer = viewer
        self._statement_count = statement_count
        self._progress = progress
        self._batch_size = AdaptiveBatchSize(
            self._tuning.transaction_rows, self._tuning.contended_rows, index.tuning.pacing
        )
        self._indexed_records = 0
        self._forced_records = forced_records
        self.last_commit: int | None = None

    def note_other_writer(self) -> None:
        """Record that another process has written during the load."""
        self._batch_size.note_other_writer()

    def should_write_segment(self, unit: WriteUnit) -> bool:
        """Return whether a transaction writes its blocking keys into a segment.

        Otherwise the keys go into the main key table. If that is still empty when segments are compacted,
        SQLite only appends to it, in half the time. So a large file begins with segments.
        """
        if self._statement_count < self._tuning.file_statements:
            return False
        self._indexed_records = unit.keys.forward.max_record_id(self._index.config_id(unit))
        return self._indexed_records + self._statement_count >= self._tuning.index_records

    def compact_while(self, is_waited_for: Callable[[], bool]) -> None:
        """Compact key-index segments while the caller waits or too many remain.

        Args:
            is_waited_for: returns whether the caller still waits.
        """
        tuning = self._tuning
        forced_records = self._forced_records or max(
            tuning.forced_records, self._indexed_records // tuning.forced_share
        )
        with self._index.database.read(self._viewer) as unit:
            uncompacted = unit.keys.segments.uncompacted(self._index.config_id(unit))
        worthwhile_records = max(tuning.worthwhile_records, self._indexed_records // tuning.worthwhile_share)
        is_worthwhile = uncompacted.is_compacting or uncompacted.record_count >= worthwhile_records
        has_begun = False
        while uncompacted.record_count >= forced_records or (
            uncompacted.record_count and is_worthwhile and is_waited_for()
        ):
            # The end is unknown, and counting the keys would take long: report no total.
            self._progress(PROGRESS_LABEL, 0, 0)
            has_begun, uncompacted = True, self._compact_batch()
        if has_begun:
            self._progress(PROGRESS_LABEL, 1, 1)

    def _compact_batch(self) -> UncompactedKeys:
        """Compact segments in one transaction; return what remains to compact."""
        database = self._index.database
        with self._batch_size.timed_turn(), database.write(self._viewer, "load") as unit:
            self._batch_size.note_begin(unit)
            self._note_other_commits(unit)
            unit.keys.segments.compact(self._batch_size.max_items)
            remaining = unit.keys.segments.uncompacted(self._index.config_id(unit))
        # The load may still be interrupted: segments are searched too.
        database.is_commit_begun = False
        return remaining

    def _note_other_commits(self, unit: WriteUnit) -> None:
        last_commit = unit.last_commit()
        if self.last_commit is not None and last_commit != self.last_commit:
            self._batch_size.note_other_writer()
            self.last_commit = last_commit

    def compact_at_end(self) -> None:
        """Compact segments at the load's end, if too many records remain uncompacted.

        An error or an interrupt leaves segments, and a complete load.
        """
        self._forced_records = None
        # A failure does not fail the load: segments are searched, and the next load compacts them.
        with suppress(KeyboardInterrupt, MpiError):
            self.compact_while(lambda: False)
        self._index.database.is_commit_begun = True


def compact_all_segments(database: Database, viewer: Viewer, pace: Pace) -> None:
    """Compact all key-index segments in transactions so short that nobody waits."""
    while row_count := _count_uncompacted_rows(database, viewer):
        for batch in pace.batches(range(row_count)):
            with batch.transaction() as unit:
                if not unit.keys.segments.compact(len(batch.items)):
                    return


def _count_uncompacted_rows(database: Database, viewer: Viewer) -> int:
    with database.read(viewer) as unit:
        return unit.keys.segments.count_uncompacted_rows()
