"""Write a file's statements in chunks, each a whole transaction.

Chunks become small while others write, so that nobody waits long. The partition does not depend on chunk
size (law 1), and the index is sound after each chunk. The batch has status ``loading`` until the last chunk;
sending an equal file, read the same way, resumes the load.
"""

import gc
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, repeat

from mpi.domain.errors import ConflictError
from mpi.domain.source import Holdings
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.compaction import LoadCompaction
from mpi.service.indexing.pairing_limits import limits_for_machine
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.file_impact import FileImpact, assess_file
from mpi.service.loads.missing_records import (
    NO_MISSING_RECORDS,
    MissingRecords,
    note_absence,
    withdraw_missing,
    withdraw_records,
)
from mpi.service.loads.pair_prefetch import PairPrefetcher, PrefetchedPairs, prefetch_pairs
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.loads.receipt import Receipt, count_verdicts
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.loads.window_sizes import compute_largest_window, make_load_sizer, plan_window_sizes
from mpi.service.processes.core_reservation import CoreReservation
from mpi.service.processes.low_priority_thread import run_at_low_priority
from mpi.service.processes.pacing import AdaptiveBatchSize, freeze_existing_objects
from mpi.service.resolution.purged_blocks import check_purged_blocks
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.sources import require_sending_source
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_intake import write_statements
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.ssn import has_ssn_form
from mpi.storage.repositories.sources.batches import LOADED, LOADING, Batch
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

HELD = "held"
_PARTIAL_COUNTS = ("created", "updated", "unchanged", "withdrawn", "history", "held")


@dataclass(frozen=True, slots=True)
class LoadFile:
    """A validated file that is being loaded.

    Args:
        source: the source of its records.
        rows: its validated rows.
        as_of: when the file was true at its source (ISO, UTC).
        digest: hash of the content and of the way it is read; empty if the load cannot be resumed.
        snapshot: ``full`` or ``delta``.
        full: whether records that the file lacks are withdrawn.
        gone: local IDs of records that are withdrawn, unless a row of the file states them.
    """

    source: Source
    rows: ValidatedFile
    as_of: str
    digest: str
    snapshot: str
    full: bool
    gone: frozenset[str] = frozenset()


@dataclass(slots=True)
class ChunkWriter:
    """Writer of one file load, chunk by chunk, each in a transaction.

    Args:
        index: the open index.
        viewer: who loads.
        file: the file to load.
        receipt: load receipt to which the row counts are added.
        reservation: reservation of a processor core, notified when other clients write.
        progress: receives the progress of long steps.
        recorded: records that an interrupted load already wrote or withdrew.
    """

    index: Index
    viewer: Viewer
    file: LoadFile
    receipt: Receipt
    reservation: CoreReservation
    progress: Progress
    recorded: frozenset[int] = frozenset()
    _sizer: AdaptiveBatchSize = field(init=False)
    _compaction: LoadCompaction = field(init=False)
    _record_ids: "array[int]" = field(default_factory=lambda: array("q"))
    _withdrawal_commit: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    _written_count: int = 0

    def __post_init__(self) -> None:
        statements = len(self.file.rows.headings)
        self._sizer = make_load_sizer(self.index)
        self._compaction = LoadCompaction(self.index, self.viewer, statements, self.progress)

    def resume(self, batch: Batch) -> None:
        """Prepare to resume an interrupted load.

        Args:
            batch: the interrupted load.
        """
        with self.index.database.read(self.viewer) as unit:
            self.recorded = frozenset(unit.record_assertions.records_of_load(batch.id))
        self.receipt.batch = batch.id
        self._record_ids.extend(self.recorded)
        self._counts = batch.counts
        for name in _PARTIAL_COUNTS:
            setattr(self.receipt, name, batch.counts[name])
        self.receipt.received += self.receipt.withdrawn

    def hold(self, reason: str) -> None:
        """Store only the receipt of a load that awaits confirmation.

        Args:
            reason: why a load guard demands confirmation.
        """
        receipt = self.receipt
        receipt.status, receipt.held_reason, receipt.held = HELD, reason, len(self.file.rows.headings)
        with self.index.database.write(self.viewer, "load") as unit:
            self._save_receipt(unit, HELD)

    def write(self) -> None:
        """Write every record statement of the file to the index.

        Raises:
            ConflictError: another caller resumed or undid the load.
            EngineError: a worker process was ended from outside.
        """
        # The garbage collector would scan a large file's million headings after each window.
        with freeze_existing_objects(), StandardizePool(self.file.rows) as pool:
            windows = self._each_window(pool)
            statements = next(windows, None)
            impact = self._write_windows(statements, windows) if statements else None
        if impact is None:
            impact = self._withdraw_surplus()
            with self.index.database.write(self.viewer, "load") as unit:
                self._require_ownership(unit)
                self._resolve_missing(unit, withdraw_missing(unit, impact, self.file.as_of, self.receipt))
                self._finish_load(unit, impact)
        self._compaction.compact_at_end()
        check_purged_blocks(self.index, self.viewer)
        if len(self.file.rows.headings) >= self.index.tuning.load.log_reset_statements:
            self.index.database.truncate_log()

    def _write_windows(
        self, statements: list[Statement], windows: Iterator[list[Statement]]
    ) -> FileImpact | None:
        """Write the load's statement windows, while a worker scores the next window."""
        index, viewer, source = self.index, self.viewer, self.file.source
        impact: FileImpact | None = None
        pairs = self._prefetch(statements)
        with PairWorker(index, viewer) as worker:
            prefetcher = PairPrefetcher(worker, index, viewer, source)
            next_statements = next(windows, [])
            next_pairs = (
                prefetcher.start(prefetcher.prepare(next_statements), pairs) if next_statements else None
            )
            while statements:
                impact = self._write_window(pairs, statements, is_last=not next_statements)
                # Prepare the next request while the worker is still busy.
                statements, next_statements = next_statements, next(windows, [])
                prepared = prefetcher.prepare(next_statements)
                if statements:
                    self._compaction.compact_while(prefetcher.is_running)
                if next_pairs is not None:
                    prefetcher.finish(next_pairs, pairs)
                    pairs = next_pairs
                elif statements:
                    pairs = self._prefetch(statements)
                # This load reads no snapshot at this moment, so the write-ahead log can be reset.
                index.database.truncate_log()
                next_pairs = prefetcher.start(prepared, pairs) if next_statements else None
                gc.collect()
        return impact

    def _prefetch(self, statements: list[Statement]) -> PrefetchedPairs:
        prefetch = partial(
            prefetch_pairs, self.index, self.viewer, self.file.source, statements, self.progress
        )
        return run_at_low_priority(prefetch)

    def _write_window(
        self, pairs: PrefetchedPairs, statements: list[Statement], *, is_last: bool
    ) -> FileImpact | None:
        """Write the statements of one window of the load, chunk by chunk.

        The last chunk of a full file also withdraws the records that the file lacks.

        Returns:
            What the file means for its source, if the load is finished; else None.
        """
        impact: FileImpact | None = None
        start = 0
        while start < len(statements):
            impact = None
            if is_last and len(statements) - start <= self._sizer.max_items:
                impact = self._withdraw_surplus()
            with self._sizer.timed_turn(), self.index.database.write(self.viewer, "load") as unit:
                self._sizer.note_begin(unit)
                # Before this transaction gets a commit number, which would look like another writer's.
                if pairs.detect_commits(unit) and unit.last_commit() != self._withdrawal_commit:
                    self._sizer.note_other_writer()
                    self._compaction.note_other_writer()
                    self.reservation.note_request()
                positions = range(start, min(start + self._sizer.max_items, len(statements)))
                if positions.stop < len(statements):
                    impact = None
                self._require_ownership(unit)
                missing = (
                    NO_MISSING_RECORDS
                    if impact is None
                    else withdraw_missing(unit, impact, self.file.as_of, self.receipt)
                )
                self._write_chunk(unit, pairs, statements[start : positions.stop], positions, missing)
                self._save_receipt(unit, LOADING) if impact is None else self._finish_load(unit, impact)
                pairs.last_commit = unit.commit_no
            if impact is None:
                # More chunks follow, so an interrupt may still stop the load.
                self.index.database.is_commit_begun = False
            start = positions.stop
        return impact

    def _each_window(self, pool: StandardizePool) -> Iterator[list[Statement]]:
        """Yield the load's unwritten statements, one window (batch) at a time.

        The statements after a window are standardized in the background.
        """
        unwritten = self._each_unwritten()
        # Recorded includes withdrawn records, which are not rows of the file.
        statements = max(0, len(self.file.rows.headings) - len(self.recorded))
        tuning = self.index.tuning.load
        largest = compute_largest_window(self._count_indexed() + statements, tuning, limits_for_machine())
        sizes = chain(
            plan_window_sizes(statements, largest, tuning), repeat(tuning.smallest_window_statements)
        )
        window = pool.submit(list(islice(unwritten, next(sizes))))
        while window.statements:
            next_window = pool.submit(list(islice(unwritten, next(sizes))))
            yield pool.collect(window)
            window = next_window

    def _count_indexed(self) -> int:
        with self.index.database.read(self.viewer) as unit:
            return unit.keys.forward.max_record_id(self.index.config_id(unit))

    def _each_unwritten(self) -> Iterator[Statement]:
        """Yield the file's statements that an interrupted load did not write."""
        statements = self.file.rows.read_statements()
        page_size = self.index.tuning.load.postgresql_chunk_statements
        if not self.recorded:
            yield from statements
            return
        while page := list(islice(statements, page_size)):
            with self.index.database.read(self.viewer) as unit:
                records = unit.records.find_by_local_ids(
                    self.file.source.id, [statement.local_id for statement in page]
                )
            for statement in page:
                if statement.local_id in records and records[statement.local_id].id in self.recorded:
                    self._written_count += 1
                else:
                    yield statement

    def _require_ownership(self, unit: WriteUnit) -> None:
        """Refuse to write for a load that others ended.

        Another caller resumed or undid it, or retired its source.
        """
        require_sending_source(unit.sources.get_by_code(self.file.source.code))
        if self.receipt.batch is None:
            self.receipt.batch = unit.counters.take("batch")
        elif (batch := unit.batches.get(self.receipt.batch)) is None or (
            (batch.status, batch.counts) != (LOADING, self._counts)
        ):
            raise ConflictError(f"another caller has resumed or undone load {self.receipt.batch}")

    def _write_chunk(
        self,
        unit: WriteUnit,
        pairs: PrefetchedPairs,
        statements: list[Statement],
        positions: range,
        missing: MissingRecords,
    ) -> None:
        statements = [
            statement._replace(comparable=pairs.packed.get(position, statement.comparable))
            for position, statement in zip(positions, statements, strict=True)
        ]
        source = self.file.source
        records = unit.records.find_by_local_ids(source.id, [statement.local_id for statement in statements])
        intake = write_statements(unit, self.index, source, statements, records, self.receipt.batch)
        self._record_ids.extend(intake.record_ids.values())
        count_verdicts(self.receipt, statements, records, intake.outcomes)
        inactive = missing.withdrawn | (intake.removed & {record.id for record in records.values()})
        position_of_record = {
            intake.record_ids[statement.local_id]: position
            for position, statement in zip(positions, statements, strict=True)
        }
        pairs.inactive |= inactive
        chunk_pairs = pairs.update_pairs(unit, self.index, positions, intake.changed, position_of_record)
        chunk_pairs = replace(chunk_pairs, in_segment=self._compaction.should_write_segment(unit))
        inputs = ResolveInputs(
            further_records=intake.overlay_suspects | missing.overlaid, known_pairs=chunk_pairs
        )
        resolve(unit, self.index, intake.changed, inactive, "load", self.progress, inputs)
        self._written_count += len(statements)
        self.progress("loading records", self._written_count, len(self.file.rows.headings))

    def _withdraw_surplus(self) -> FileImpact:
        """Withdraw records missing from the file until one transaction holds the rest."""
        file = self.file
        if not (file.full or file.gone):
            return FileImpact(0)
        with self.index.database.read(self.viewer) as unit:
            if self._covers_source(unit):
                return FileImpact(0)
            impact = assess_file(unit, file.source.id, file.rows, file.as_of, full=file.full, gone=file.gone)
        self.receipt.spared = impact.spared_count
        self.receipt.newer = impact.newer_count
        while len(absent := impact.select_missing_active(file.as_of)) > self._sizer.max_items:
            batch_records = absent[: self._sizer.max_items]
            with self._sizer.timed_turn(), self.index.database.write(self.viewer, "load") as unit:
                self._sizer.note_begin(unit)
                self._require_ownership(unit)
                withdrawn = withdraw_records(unit, batch_records, file.as_of, self.receipt)
                note_absence(unit, batch_records, file.as_of, self.receipt)
                self._resolve_missing(unit, MissingRecords(withdrawn, set()))
                unit.records.update_last_seen(dict.fromkeys(withdrawn, file.as_of))
                self._save_receipt(unit, LOADING)
                self._withdrawal_commit = unit.commit_no
            # More chunks follow, so an interrupt may still stop the load.
            self.index.database.is_commit_begun = False
            withdrawn_ids = {record.id for record in batch_records}
            impact.missing = [record for record in impact.missing if record.id not in withdrawn_ids]
        return impact

    def _covers_source(self, unit: ReadUnit) -> bool:
        """Return whether this load wrote every stored record of its source.

        False also if a version is held for review. On the first load of a source nothing can be missing, and
        the check saves reading again everything that the load wrote.
        """
        states = unit.records.count_by_state(self.file.source.id)
        return RecordState.HELD not in states and sum(states.values()) == len(set(self._record_ids))

    def _resolve_missing(self, unit: WriteUnit, missing: MissingRecords) -> None:
        inputs = ResolveInputs(further_records=missing.overlaid) if missing.overlaid else NO_FURTHER_INPUTS
        resolve(unit, self.index, {}, missing.withdrawn, "load", self.progress, inputs)

    def _finish_load(self, unit: WriteUnit, impact: FileImpact) -> None:
        """Record which withdrawn records the file lacks too, and mark it loaded."""
        as_of = self.file.as_of
        missing = impact.select_missing_active(as_of) + impact.select_missing_withdrawn(as_of)
        # Read again: a record that its source has stated since is not affected by this file.
        current = unit.records.get([record.id for record in missing]).values()
        still_withdrawn = [
            stored_record.id
            for stored_record in current
            if stored_record.state == RecordState.WITHDRAWN and stored_record.last_seen <= as_of
        ]
        unit.records.update_last_seen(dict.fromkeys(still_withdrawn, as_of))
        recompute_current_versions(unit, self.index, impact.held_ids)
        self._save_receipt(unit, LOADED)

    def _save_receipt(self, unit: WriteUnit, status: str) -> None:
        """Store the load's receipt, with its rejected rows."""
        receipt, is_stored = self.receipt, bool(self._counts)
        self._compaction.last_commit = unit.commit_no
        if receipt.batch is None:
            receipt.batch = unit.counters.take("batch")
        self._counts = receipt.stored_counts
        if status == LOADING:
            so_far = {name: getattr(receipt, name) for name in _PARTIAL_COUNTS}
            unstored = dict.fromkeys(("rejected", "superseded", "dropped"), 0)
            self._counts |= so_far | unstored | {"received": sum(so_far.values())}
        if is_stored:
            unit.batches.update_progress(receipt.batch, status, self._counts)
        else:
            unit.batches.add(
                {
                    "id": receipt.batch,
                    "source_id": self.file.source.id,
                    "commit_no": unit.commit_no,
                    "snapshot": self.file.snapshot,
                    "status": status,
                    "file_digest": self.file.digest,
                    "as_of": self.file.as_of,
                    "held_reason": receipt.held_reason,
                },
                self._counts,
                receipt.issues,
            )
        if status != LOADING:
            nameable = self._find_nameable_rejects(unit)
            unit.batches.add_rejects(
                [
                    {
                        "batch_id": receipt.batch,
                        "seq": seq,
                        "line": reject.line,
                        "offset": reject.offset,
                        "field": reject.field,
                        "reason": reject.reason,
                        "detail": reject.detail,
                        "local_id": reject.local_id if reject.local_id in nameable else None,
                    }
                    for seq, reject in enumerate(receipt.rejects)
                ]
            )

    def _find_nameable_rejects(self, unit: ReadUnit) -> set[str]:
        """Return the local IDs of rejected rows that may be kept.

        None is kept of a source that holds linked records only: the row may be of a child who is not in care.
        Nor is one of a destroyed record, or one that is written as an SSN.
        """
        source = self.file.source
        if source.holdings is not Holdings.ALL:
            return set()
        local_ids = {reject.local_id for reject in self.receipt.rejects if reject.local_id is not None}
        buried = find_buried_records(unit, self.index, (source.id, source.code), local_ids)
        return {local_id for local_id in local_ids - buried.keys() if not has_ssn_form(local_id)}
