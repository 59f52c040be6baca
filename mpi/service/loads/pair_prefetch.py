"""Prefetch of a load's scored pairs before the write transaction.

Pairs are scored against a snapshot, so that the write transaction only writes. What others commit between
the snapshot and a chunk's transaction is searched in that transaction: records with newly written keys, and
records that became inactive.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from mpi.domain.viewer import Viewer
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.changed_record import ChangedRecord, pack_record
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs
from mpi.service.indexing.pair_scorer import PreviousBatch, score_candidate_pairs
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.indexing.reindex import Progress, candidates_by_record, purge_large_blocks, read_blocks
from mpi.service.indexing.scalar_scoring import score_pairs
from mpi.service.indexing.scored_pairs import BlockSizeLimit, ScoredPairs, edges_from_columns
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_features import make_comparable
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statement
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

NO_RECORD = -1
ALREADY_WRITTEN = -1
"""Position that stands for every statement before the first of the window."""
_NO_NUMBERS = np.empty(0, np.int64)
NO_PAIRS = ScoredPairs(_NO_NUMBERS, _NO_NUMBERS, np.empty(0))


@dataclass(slots=True)
class PrefetchedPairs:
    """Window of a load's record statements, with candidate pairs scored in advance.

    A statement is identified by its position in the window. In a pair it has the number ``-1 - position``; a
    stored record has its own number, even if a statement of the window will change it: until then the stored
    version is compared.

    Args:
        config_id: the configuration of the comparison; None if nothing was compared.
        last_commit: the last commit that the pairs take into account.
        statement_count: number of statements; positions from here on belong to the window before.
        pairs: the pairs, ordered by ``write_positions``.
        write_positions: the position from which each pair can be written, the later of its two ends.
        packed: the standardized statements by position.
        record_ids: the record at each position, once it is indexed as it was compared.
        reindexed: stored records that have been indexed again.
        inactive: records that no longer take part.
        is_outdated: whether others have committed since the pairs were computed.
        changed_elsewhere: records that were indexed again since the snapshot, by other writers or otherwise
            than compared.
        changed_before: records that the window before indexed again or made inactive after the snapshot.
        replaced: stored records that statements of the window change.
        first_commit: the last commit before the statements were prepared.
    """

    config_id: int | None
    last_commit: int
    statement_count: int
    pairs: ScoredPairs = NO_PAIRS
    write_positions: np.ndarray = field(default_factory=_NO_NUMBERS.copy)
    packed: dict[int, PackedRecord] = field(default_factory=dict)
    record_ids: np.ndarray = field(default_factory=_NO_NUMBERS.copy)
    reindexed: set[int] = field(default_factory=set)
    inactive: set[int] = field(default_factory=set)
    is_outdated: bool = False
    changed_elsewhere: set[int] = field(default_factory=set)
    changed_before: frozenset[int] = frozenset()
    replaced: frozenset[int] = frozenset()
    first_commit: int = field(init=False)

    def __post_init__(self) -> None:
        """Remember the commit as of which the statements were prepared."""
        self.first_commit = self.last_commit

    def set_pairs(self, pairs: ScoredPairs, previous_count: int = 0) -> None:
        """Store the window's scored pairs in the order of their write.

        Args:
            pairs: pairs of these statements and of the window before.
            previous_count: number of statements of the window before.
        """
        self.record_ids = np.full(self.statement_count + previous_count, NO_RECORD, np.int64)
        lo, hi = (np.where(ends < 0, -1 - ends, ALREADY_WRITTEN) for ends in (pairs.lo, pairs.hi))
        lo, hi = (
            np.where(positions < self.statement_count, positions, ALREADY_WRITTEN) for positions in (lo, hi)
        )
        write_positions = np.maximum(lo, hi)
        order = np.argsort(write_positions, kind="stable")
        self.write_positions = write_positions[order]
        self.pairs = ScoredPairs(pairs.lo[order], pairs.hi[order], pairs.bits[order], pairs.block_sizes)

    def detect_commits(self, unit: ReadUnit) -> bool:
        """Return whether others have committed since the load's last chunk.

        Args:
            unit: a transaction before anything of the next chunk is written.
        """
        if unit.last_commit() == self.last_commit:
            return False
        # Never reset: their changes may affect the pairs of later chunks too.
        self.is_outdated = True
        if self.config_id is not None:
            self.changed_elsewhere.update(
                unit.keys.forward.records_written_since(self.config_id, self.last_commit)
            )
        return True

    def update_pairs(
        self,
        unit: WriteUnit,
        index: Index,
        positions: range,
        changed: Mapping[int, ChangedRecord],
        position_of_record: Mapping[int, int],
    ) -> KnownPairs:
        """Return a load chunk's pairs, updated with what others committed.

        Args:
            unit: the chunk's transaction, before anything of the chunk is indexed.
            index: the model.
            positions: the chunk's positions; every position before is written.
            changed: what the chunk's statements changed, by record.
            position_of_record: the position of each of the chunk's records.

        Returns:
            The pairs, or ``NO_KNOWN_PAIRS`` if another configuration is in force.
        """
        if index.config_id(unit) != self.config_id:
            return NO_KNOWN_PAIRS
        as_compared = {
            record: position
            for record, position in position_of_record.items()
            if record in changed and changed[record].comparable == self.packed.get(position)
        }
        # A record that changed otherwise (a held version took effect) was not compared with later ones.
        if len(as_compared) < len(changed):
            self.is_outdated = True
            self.changed_elsewhere.update(changed.keys() - as_compared.keys())
        for record, position in as_compared.items():
            self.record_ids[position] = record
            if not changed[record].is_new:
                self.reindexed.add(record)
        edges = self._select_edges(positions)
        if self.is_outdated:
            edges = self._rescore_changed(
                unit, index, {r: changed[r] for r in as_compared}, edges, changed.keys()
            )
            # A key may have been purged since the pairs were found.
            unit.keys.purged_blocks.request_check_since(self.config_id, self.first_commit)
        return KnownPairs(frozenset(as_compared), edges, block_sizes=self.pairs.block_sizes)

    def _select_edges(self, positions: range) -> Edges:
        chunk = slice(*np.searchsorted(self.write_positions, [positions.start, positions.stop]))
        ends = (
            self._convert_to_record_ids(self.pairs.lo[chunk]),
            self._convert_to_record_ids(self.pairs.hi[chunk]),
        )
        lo, hi = np.minimum(*ends), np.maximum(*ends)
        is_valid = (lo != NO_RECORD) & (lo != hi)
        return edges_from_columns(lo[is_valid], hi[is_valid], self.pairs.bits[chunk][is_valid])

    def _convert_to_record_ids(self, ends: np.ndarray) -> np.ndarray:
        """Convert positions in a load's window to the numbers of stored records.

        The result is NO_RECORD for a statement without effect and for a replaced version.
        """
        record_ids = np.where(ends < 0, self.record_ids[np.where(ends < 0, -1 - ends, 0)], ends)
        stale_ids = self.reindexed | self.inactive | self.changed_before
        stale = np.fromiter(stale_ids, np.int64, len(stale_ids))
        record_ids[(ends >= 0) & np.isin(ends, stale)] = NO_RECORD
        return record_ids

    def _rescore_changed(
        self,
        unit: WriteUnit,
        index: Index,
        as_compared: Mapping[int, ChangedRecord],
        edges: Edges,
        changed: AbstractSet[int],
    ) -> Edges:
        """Return a load chunk's pairs after rescoring records that others changed.

        A record whose change differs from what was compared is searched after the write.
        """
        config_id = index.config_id(unit)
        changed_elsewhere = self.changed_elsewhere - changed - self.inactive
        ends = {end for edge in edges for end in edge} - changed - changed_elsewhere
        indexed = as_compared.keys() | unit.keys.forward.records_with_keys(config_id, ends)
        current = {edge: bits for edge, bits in edges.items() if edge[0] in indexed and edge[1] in indexed}
        if changed_elsewhere:
            current |= _score_against_changed(unit, index, config_id, as_compared, changed_elsewhere)
        return current


def _score_against_changed(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    chunk_records: Mapping[int, ChangedRecord],
    changed_elsewhere: set[int],
) -> Edges:
    """Score a load chunk's records against changed records sharing a blocking key."""
    blocking = index.blocking_of(unit, config_id)
    chunk_keys = {
        record: change.blocking_keys(blocking, index.keyed_hash) for record, change in chunk_records.items()
    }
    blocks = read_blocks(unit, config_id, chunk_keys, None)
    purge_large_blocks(unit, index, config_id, blocks, chunk_keys)
    candidates_of = {
        record: matches & changed_elsewhere
        for record, matches in candidates_by_record(chunk_keys, blocks).items()
    }
    stored = load_features(
        unit, config_id, {candidate for matches in candidates_of.values() for candidate in matches}
    )
    pairs = [
        (record, candidate)
        for record, matches in candidates_of.items()
        for candidate in matches & stored.keys()
    ]
    return score_pairs(
        index.matcher, {**stored, **{r: change.features for r, change in chunk_records.items()}}, pairs
    )


def prefetch_pairs(
    index: Index,
    viewer: Viewer,
    source: Source,
    statements: Sequence[Statement],
    progress: Progress,
) -> PrefetchedPairs:
    """Find and score the candidate pairs of record statements before their write.

    Args:
        index: the open index.
        viewer: who loads.
        source: the source of the statements.
        statements: the statements in write order.
        progress: receives the progress of long steps.
    """
    with index.database.read(viewer) as unit:
        pairs = _prepare_statements(unit, index, source, statements)
        if pairs.config_id is not None:
            place = ScoringResources(
                index.home,
                DUCKDB_MEMORY,
                lambda done, total: progress("scoring pairs", done, total),
                index.tuning.scoring,
            )
            open_read = partial(index.database.read, viewer)
            pairs.set_pairs(
                score_candidate_pairs(
                    unit,
                    index.matcher,
                    pairs.config_id,
                    _number_by_position(pairs.packed),
                    place,
                    open_read,
                    BlockSizeLimit(index.settings.block_limits.paired, pairs.replaced),
                )
            )
    return pairs


class PairPrefetcher:
    """Scorer of a load's next window of pairs in a worker process.

    Args:
        worker: the worker process.
        index: the open index.
        viewer: who loads.
        source: the source of the statements.
    """

    def __init__(self, worker: PairWorker, index: Index, viewer: Viewer, source: Source) -> None:
        self._worker = worker
        self._index = index
        self._viewer = viewer
        self._source = source
        self._last_requested: PrefetchedPairs | None = None
        self._pending: PrefetchedPairs | None = None

    def prepare(self, statements: Sequence[Statement]) -> PrefetchedPairs:
        """Standardize a load window's statements as of the current commit.

        The current commit is that after the window before the last.

        Args:
            statements: the statements in write order.
        """
        with self._index.database.read(self._viewer) as unit:
            return _prepare_statements(unit, self._index, self._source, statements)

    def start(self, pairs: PrefetchedPairs, previous: PrefetchedPairs) -> PrefetchedPairs | None:
        """Start the worker's search for a prepared window's candidate pairs.

        Args:
            pairs: the prepared window.
            previous: the window before, of which nothing is written yet.

        Returns:
            The window, or None if a worker process is not worth its cost.
        """
        if (
            pairs.config_id is None
            or pairs.config_id != previous.config_id
            or len(pairs.packed) < self._index.tuning.load.worker_statements
        ):
            return None
        previous_packed = {
            pairs.statement_count + position: packed
            for position, packed in previous.packed.items()
            if position < previous.statement_count
        }
        # The worker still has the window before, if that was its last request.
        comparison = (
            PreviousBatch(pairs.statement_count)
            if self._last_requested is previous
            else _number_by_position(previous_packed)
        )
        self._worker.request(
            pairs.config_id, _number_by_position(pairs.packed), comparison, pairs.replaced | previous.replaced
        )
        self._last_requested = self._pending = pairs
        # Commits between the two snapshots are detected before the next chunk is written.
        pairs.is_outdated = pairs.last_commit != previous.last_commit
        pairs.packed |= previous_packed
        return pairs

    def is_running(self) -> bool:
        """Return whether the worker is still scoring the requested pairs."""
        return self._pending is not None and not self._worker.has_answered()

    def finish(self, pairs: PrefetchedPairs, previous: PrefetchedPairs) -> None:
        """Receive a window's scored pairs once the window before it is written.

        Args:
            pairs: the window that ``start`` returned.
            previous: the window before.
        """
        pairs.set_pairs(self._worker.receive_pairs(), previous.statement_count)
        self._pending = None
        pairs.record_ids[pairs.statement_count :] = previous.record_ids[: previous.statement_count]
        pairs.changed_before = frozenset(previous.reindexed | previous.inactive)
        pairs.is_outdated |= previous.is_outdated
        pairs.changed_elsewhere |= previous.changed_elsewhere
        pairs.last_commit = previous.last_commit


def _prepare_statements(
    unit: ReadUnit, index: Index, source: Source, statements: Sequence[Statement]
) -> PrefetchedPairs:
    """Standardize a load window's statements without searching for candidate pairs."""
    pairs = PrefetchedPairs(None, unit.last_commit(), len(statements))
    if len(statements) >= index.tuning.scoring.duckdb_records:
        pairs.config_id = index.config_id(unit)
        pairs.packed, pairs.replaced = _standardize_effective(unit, index, source, statements)
    return pairs


def _number_by_position(packed: Mapping[int, PackedRecord]) -> dict[int, PackedRecord]:
    """Number not yet stored records by -1 minus their position."""
    return {-1 - position: record for position, record in packed.items()}


def _standardize_effective(
    unit: ReadUnit, index: Index, source: Source, statements: Sequence[Statement]
) -> tuple[dict[int, PackedRecord], frozenset[int]]:
    """Standardize the statements that would create or change a record.

    Returns:
        Standardized records by the position of their statement, and the stored records that change.
    """
    stored = unit.records.find_by_local_ids(source.id, [statement.local_id for statement in statements])
    effective = (StatementOutcome.CREATED, StatementOutcome.UPDATED)
    positions = {
        statement.local_id: position
        for position, statement in enumerate(statements)
        if judge_statement(stored.get(statement.local_id), statement) in effective
    }
    standardized = make_comparable(
        unit, index, source, [statements[position] for position in positions.values()]
    )
    config_id = index.config_id(unit)
    blocking, config = (
        index.blocking_of(unit, config_id),
        index.digest(index.shared_values_of(unit, config_id)),
    )
    packed = {
        position: pack_record(standardized[local_id], blocking, index.keyed_hash, config)
        for local_id, position in positions.items()
    }
    return packed, frozenset(stored[local_id].id for local_id in positions if local_id in stored)
