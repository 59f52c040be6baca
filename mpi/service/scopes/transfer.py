"""Transfer of a scope's changes into the shared index.

A scope answers from its own database alone, and its callers do not wait for the shared index. The changes
follow in transactions of the shared index. Each stores how far it has come, so that a kill at any moment
loses nothing and repeats nothing.
"""

from contextlib import closing
from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.index import Index
from mpi.service.indexing.compaction import LoadCompaction
from mpi.service.indexing.pair_scorer import PairScorer
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.processes.pacing import (
    AdaptiveBatchSize,
    collect_recent_garbage,
    disable_garbage_collection,
    freeze_existing_objects,
)
from mpi.service.resolution.purged_blocks import check_purged_blocks
from mpi.service.scopes.copies import CopyPage
from mpi.service.scopes.page_reader import PageReader, ScopePage
from mpi.service.scopes.takeover import TakeoverOptions, take_over
from mpi.storage.unit_of_work.units import WriteUnit

PAGE_RECORDS = 10_000
"""Most records and decisions that one transaction of the shared index takes over."""

MAX_UNCOMPACTED_RECORDS = 1_000_000
"""Most records whose keys are not compacted before a transfer has ended.

Most pages search little, so one compaction at the end is cheaper. A process that searches the shared index
meanwhile keeps such keys in memory, some 400 bytes a record.
"""


@dataclass(slots=True)
class TransferResult:
    """What a transfer has taken over.

    Args:
        scope: code of the scope.
        records: number of records.
        decisions: number of decisions.
        contradictions: decisions that contradict one of the shared index, each of which became a question.
    """

    scope: str
    records: int = 0
    decisions: int = 0
    contradictions: int = 0


def transfer_changes(
    scope_index: Index,
    shared_index: Index,
    viewer: Viewer,
    code: str,
    *,
    page: int = PAGE_RECORDS,
    progress: Progress = ignore_progress,
) -> TransferResult:
    """Take over a scope's changes that the shared index has not seen.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.
        page: most records and decisions that one transaction takes over.
        progress: callback that reports the changes taken over, and their total.

    Raises:
        NotFoundError: the shared index knows no such scope.
        ConflictError: a source of the scope belongs to another one, or to the shared index; or the scope was
            restored from a backup that is older than what was taken over; or it gets records of the shared
            index now.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    _copy_settings(scope_index, shared_index, viewer, code)
    reader = PageReader(scope_index, shared_index, viewer, code)
    writer = _PageWriter(shared_index, viewer, page, TransferResult(code))
    with closing(writer), disable_garbage_collection(), freeze_existing_objects():
        while (scope_page := reader.read(writer.max_records)) is not None:
            is_written = writer.write(scope_page, reader.change_count, progress)
            reader.end_page(scope_page, is_written=is_written)
            del scope_page
            collect_recent_garbage()
        writer.finish()
    return writer.result


def count_waiting_changes(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> int:
    """Return how many changes of a scope wait for a sync.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.

    Raises:
        NotFoundError: the shared index knows no such scope.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with shared_index.database.read(viewer) as unit:
        position = unit.scopes.get(code).position
    with scope_index.database.read(viewer) as unit:
        return unit.scopes.count_changes_after(position)


class _PageWriter:
    """Writer of a transfer's pages, each in one transaction.

    Args:
        index: the shared index.
        viewer: who asks.
        page: most records and decisions of a page.
        result: collects what is taken over.
    """

    def __init__(self, index: Index, viewer: Viewer, page: int, result: TransferResult) -> None:
        self.result = result
        self._index = index
        self._viewer = viewer
        self._sizer = AdaptiveBatchSize(page, tuning=index.tuning.pacing)
        self._compaction: LoadCompaction | None = None
        self._last_commit: int | None = None
        self._change_count = 0
        self._pair_scorer: PairScorer | None = None

    @property
    def max_records(self) -> int:
        """Most records and decisions of the next page; few beside other writers."""
        return self._sizer.max_items

    def write(self, page: ScopePage, change_count: int, progress: Progress) -> bool:
        """Write a page, unless another process has written it meanwhile.

        Args:
            page: the page.
            change_count: number of changes of all pages, as far as is known.
            progress: receives the changes taken over, and their total.

        Returns:
            Whether the page is written.
        """
        if self._compaction is None:
            self._compaction = LoadCompaction(
                self._index, self._viewer, change_count, progress, MAX_UNCOMPACTED_RECORDS
            )
        with self._sizer.timed_turn(), self._index.database.write(self._viewer, "transfer") as unit:
            self._sizer.note_begin(unit)
            if self._last_commit not in (None, unit.last_commit()):
                self._sizer.note_other_writer()
                self._compaction.note_other_writer()
            is_next = unit.scopes.get(page.scope).position == page.begin
            # A page read before may lack the pairs with records that the scope gets now.
            is_next = is_next and not unit.splits.is_copying_into(page.scope)
            if is_next:
                self._take_over(unit, page, in_segment=self._compaction.should_write_segment(unit))
            self._last_commit = self._compaction.last_commit = unit.assigned_commit_no or unit.last_commit()
        self._change_count += page.copies.selection.change_count
        progress("transfer", self._change_count, max(change_count, self._change_count))
        self._compaction.compact_while(lambda: False)
        return is_next

    def finish(self) -> None:
        """Compact the key index, and check blocks that became too large."""
        if self._compaction is not None:
            self._compaction.compact_at_end()
            check_purged_blocks(self._index, self._viewer)

    def close(self) -> None:
        """Release the memory of the pair scorer."""
        if self._pair_scorer is not None:
            self._pair_scorer.close()

    def _open_scorer(self) -> PairScorer:
        """Return the pair scorer of all pages, opened at its first use."""
        if self._pair_scorer is None:
            index = self._index
            resources = ScoringResources(index.home, DUCKDB_MEMORY, None, index.tuning.scoring)
            self._pair_scorer = PairScorer(index.matcher.model, resources, scorer=index.matcher.scorer)
        return self._pair_scorer

    def _take_over(self, unit: WriteUnit, page: ScopePage, *, in_segment: bool) -> None:
        """Write the copies of a page, and the new position."""
        copies, result = page.copies, self.result
        _add_sources(unit, page.scope, copies)
        contradictions = take_over(
            unit,
            self._index,
            page.scope,
            copies.records,
            copies.decisions,
            page.derived,
            TakeoverOptions(in_segment, self._open_scorer),
        )
        unit.scopes.move_position(page.scope, copies.selection.end, copies.read_at)
        result.records += len(copies.records)
        result.decisions += len(copies.decisions)
        result.contradictions += contradictions


def _copy_settings(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> None:
    """Copy to the shared index whether sources ask for consent."""
    with scope_index.database.read(viewer) as unit:
        own_sources = {source.code: source for source in unit.sources.all()}
    with shared_index.database.read(viewer) as unit:
        changed = {
            source.id: own_sources[source.code].asks_consent
            for source in unit.sources.all()
            if source.scope == code
            and source.code in own_sources
            and own_sources[source.code].asks_consent != source.asks_consent
        }
    if not changed:
        return
    with shared_index.database.write(viewer, "transfer") as unit:
        for source_id, asks_consent in changed.items():
            unit.sources.set_asks_consent(source_id, asks_consent=asks_consent)
        unit.ensure_commit()


def _add_sources(unit: WriteUnit, code: str, page: CopyPage) -> None:
    """Add the scope's sources that the shared index does not know.

    Raises:
        ConflictError: a source belongs to another scope, or to the shared index.
    """
    known_sources = {source.code: source for source in unit.sources.all()}
    for source in page.sources:
        known = known_sources.get(source.code)
        if known is None:
            number = unit.counters.take("source")
            unit.sources.add(
                number,
                number,
                replace(source, id=number, group_id=1, paused=False, scope=code),
                unit.commit_no,
            )
        elif known.scope != code:
            owner = "the shared index" if known.scope is None else f"the scope {known.scope}"
            raise ConflictError(f"source {source.code!r} of the scope {code} belongs to {owner} already")
