"""Candidate pairs and match weights of many records.

Pairs are found on DuckDB. Many pairs are scored there too, few by the scalar scorer. The cost depends on the
records that share a key, not on the size of the index.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from types import MappingProxyType, TracebackType
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.batch_scorer import PAIRS_PER_THREAD, LoadScorer, PairProgress, ScoringResources
from mpi.matching.scoring.block_purging import are_among, drop_keys, find_purged_keys
from mpi.matching.scoring.feature_batches import batch_joined_features, batch_stored_features
from mpi.matching.scoring.splink_engine import find_all_candidate_pairs
from mpi.service.core.block_limits import MAX_PAIRED_RECORDS
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Matcher
from mpi.service.indexing.key_lookup import SnapshotOpener, find_records_by_key
from mpi.service.indexing.pairing_limits import MAX_CACHED_RECORDS
from mpi.service.indexing.scalar_scoring import score_in_batches
from mpi.service.indexing.scored_pairs import (
    DEFAULT_SIZE_LIMIT,
    NO_LARGE_BLOCKS,
    BlockSizeLimit,
    BlockSizes,
    ScoredPairs,
)
from mpi.storage.key_index.segment_arrays import sort_distinct
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit


class PreviousBatch(NamedTuple):
    """Marker to compare with the records of the previous scoring call.

    Args:
        offset: by how much the number of each record is lower now.
    """

    offset: int


ComparedRecords = Mapping[int, PackedRecord] | PreviousBatch
"""Unstored records, by number, that others are also compared with."""
NO_COMPARED_RECORDS: Mapping[int, PackedRecord] = MappingProxyType({})
RecordSelector = Callable[[np.ndarray], np.ndarray]
"""Function that returns those of some record numbers that count; both are ascending."""


class PairScorer:
    """Candidate-pair search and scoring, with a cache of stored comparison features.

    Args:
        model: the model of the configuration.
        resources: memory, spill folder and progress of scoring.
        max_cached_records: most records whose features are cached.
        open_snapshot: opens a reading transaction for a second thread; None for one thread.
        min_pairs_for_thread: fewest pairs for which a second scoring thread pays.
        scorer: the model's scorer, if it is compiled already.
        block_limit: most records of a block that brings pairs.
    """

    def __init__(
        self,
        model: MatchModel,
        resources: ScoringResources,
        max_cached_records: int = MAX_CACHED_RECORDS,
        open_snapshot: SnapshotOpener | None = None,
        min_pairs_for_thread: int = PAIRS_PER_THREAD,
        scorer: OnlineScorer | None = None,
        block_limit: int = MAX_PAIRED_RECORDS,
    ) -> None:
        self._model = model
        self._block_limit = block_limit
        self._resources = resources
        self._max_cached_records = max_cached_records
        self._open_snapshot = open_snapshot
        self._min_pairs_for_thread = min_pairs_for_thread
        self._scorer = scorer
        self._config_id: int | None = None
        self._last_commit = -1
        self._scoring: LoadScorer | None = None
        self._previous_records: Mapping[int, PackedRecord] = NO_COMPARED_RECORDS
        self._previous_scoring: LoadScorer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the memory of the cache and of DuckDB."""
        self._close_scoring()

    def score_pairs(
        self,
        unit: ReadUnit,
        config_id: int,
        records: Mapping[int, PackedRecord],
        compared: ComparedRecords = NO_COMPARED_RECORDS,
        on_read: Callable[[], None] = lambda: None,
        pairs: pa.Table | None = None,
        replaced: Collection[int] = (),
    ) -> ScoredPairs:
        """Score the candidate pairs that contain a given record.

        Args:
            unit: the transaction; no older than that of the previous call.
            config_id: the configuration.
            records: the given records, by number; negative numbers are of unstored records.
            compared: further records that the given ones are compared with, as if they were stored.
            on_read: called once nothing more is read in the transaction; scoring follows.
            pairs: table of ``lo`` and ``hi``, if the pairs are known; None to find those that share a key.
            replaced: stored records that given or compared records will replace. They do not count towards
                the size of a block.
        """
        scoring = self._refresh(unit, config_id)
        compared_records, previous_scoring = self._resolve_compared(compared), self._previous_scoring
        self._previous_records, self._previous_scoring = records, None
        block_sizes = NO_LARGE_BLOCKS
        if pairs is None:
            blocks, block_sizes = _read_key_table(
                unit,
                config_id,
                records,
                BlockSizeLimit(self._block_limit, replaced),
                compared_records,
                self._open_snapshot,
            )
            pairs = scoring.find_pairs_sharing_keys(blocks, _record_numbers(records))
        # The given features replace the stored ones.
        scoring.remove_features(np.fromiter((number for number in records if number > 0), np.int64))
        ends = sort_distinct(np.concatenate([pairs["lo"].to_numpy(), pairs["hi"].to_numpy()]))
        unstored_ids = np.fromiter(chain(records, compared_records), np.int64)
        scoring = self._load_missing(
            scoring, unit, config_id, np.setdiff1d(ends, unstored_ids, assume_unique=True)
        )
        on_read()
        compared_features: Iterator[pa.RecordBatch] | int = _feature_batches(compared_records)
        if isinstance(compared, PreviousBatch) and scoring is previous_scoring:
            compared_features = compared.offset
        scored = scoring.score(
            pairs, self._model.thresholds.storage_floor, _feature_batches(records), compared_features
        )
        self._previous_scoring = scoring
        lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
        return ScoredPairs(lo, hi, np.round(bits, 6), block_sizes)

    def _resolve_compared(self, compared: ComparedRecords) -> Mapping[int, PackedRecord]:
        if isinstance(compared, PreviousBatch):
            return {number - compared.offset: record for number, record in self._previous_records.items()}
        return compared

    def _refresh(self, unit: ReadUnit, config_id: int) -> LoadScorer:
        """Return the cache of comparison features without outdated ones."""
        commit_no = unit.last_commit()
        if self._scoring is None or config_id != self._config_id:
            scoring = self._open_scoring()
        else:
            scoring = self._scoring
            scoring.remove_features(
                np.array(unit.keys.forward.records_written_since(config_id, self._last_commit), np.int64)
            )
        self._config_id, self._last_commit = config_id, commit_no
        return scoring

    def _load_missing(
        self, scoring: LoadScorer, unit: ReadUnit, config_id: int, record_ids: np.ndarray
    ) -> LoadScorer:
        """Load the comparison features that the scoring cache lacks."""
        missing = scoring.find_missing(record_ids)
        if scoring.stored_rows and scoring.stored_rows + len(missing) > self._max_cached_records:
            scoring, missing = self._open_scoring(), record_ids
        parts = unit.derived_data.iterate_features_in_parts(config_id, missing.tolist())
        scoring.add_features(batch_joined_features(parts))
        return scoring

    def _open_scoring(self) -> LoadScorer:
        self._close_scoring()
        self._scoring = LoadScorer(self._model, self._resources, self._min_pairs_for_thread, self._scorer)
        return self._scoring

    def _close_scoring(self) -> None:
        if self._scoring is not None:
            self._scoring.close()
            self._scoring = None


def score_candidate_pairs(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    records: Mapping[int, PackedRecord],
    resources: ScoringResources,
    open_snapshot: SnapshotOpener | None = None,
    size_limit: BlockSizeLimit = DEFAULT_SIZE_LIMIT,
) -> ScoredPairs:
    """Find and score the candidate pairs of records, without keeping a cache.

    Few pairs are scored one by one, before DuckDB would be ready, and to equal weights (law 5). Arguments as
    for ``PairScorer`` and its ``score_pairs``.
    """
    blocks, block_sizes = _read_key_table(unit, config_id, records, size_limit, open_snapshot=open_snapshot)
    pairs = find_all_candidate_pairs(
        blocks, _record_numbers(records), memory=resources.memory, work_dir=resources.folder
    )
    scored = _score_known_pairs(unit, matcher, config_id, records, pairs, resources)
    return replace(scored, block_sizes=block_sizes)


def score_pairs_with_stored(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    records: Mapping[int, PackedRecord],
    resources: ScoringResources,
) -> ScoredPairs:
    """Score unstored records against stored ones only, not against each other.

    Args:
        unit: the transaction.
        matcher: the model.
        config_id: its configuration.
        records: the unstored records, by negative number.
        resources: memory, spill folder and progress of scoring.
    """
    own = drop_keys(_key_table(records), unit.keys.purged_blocks.all(config_id))
    keys = sort_distinct(own["key"].to_numpy()).tolist() if own.num_rows else []
    parts = find_records_by_key(unit, config_id, keys)
    stored_pairs = np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1)
    stored = pa.table({"key": stored_pairs[0], "hi": stored_pairs[1]})
    joined = own.rename_columns(["key", "lo"]).join(stored, "key", join_type="inner")
    pairs = joined.group_by(["lo", "hi"]).aggregate([])
    return _score_known_pairs(unit, matcher, config_id, records, pairs, resources)


def score_pairs_between(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    lower: Mapping[int, PackedRecord],
    higher: Mapping[int, PackedRecord],
    resources: ScoringResources,
) -> ScoredPairs:
    """Score unstored records against others that are not stored either.

    Args:
        unit: the transaction.
        matcher: the model.
        config_id: its configuration.
        lower: the records, by negative number.
        higher: the others, by negative numbers above all of ``lower``.
        resources: memory, spill folder and progress of scoring.
    """
    left, right = (_key_table(records) for records in (lower, higher))
    joined = left.rename_columns(["key", "lo"]).join(
        right.rename_columns(["key", "hi"]), "key", join_type="inner"
    )
    pairs = joined.group_by(["lo", "hi"]).aggregate([])
    used = {number: lower[number] for number in pairs["lo"].unique().to_pylist()}
    used |= {number: higher[number] for number in pairs["hi"].unique().to_pylist()}
    return _score_known_pairs(unit, matcher, config_id, used, pairs, resources)


def _score_known_pairs(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    records: Mapping[int, PackedRecord],
    pairs: pa.Table,
    resources: ScoringResources,
) -> ScoredPairs:
    if pairs.num_rows < resources.tuning.duckdb_pairs:
        return _score_one_by_one(unit, matcher, config_id, records, pairs, resources.progress)
    with PairScorer(matcher.model, resources, scorer=matcher.scorer) as pair_scorer:
        return pair_scorer.score_pairs(unit, config_id, records, pairs=pairs)


class SelectedPairOptions(NamedTuple):
    """How pairs with selected stored records are found and scored.

    Args:
        resources: memory, spill folder and progress of scoring.
        size_limit: size of a block above which it brings no pairs.
        open_scorer: returns a scorer that the caller keeps, so that fewer pairs are worth its start; None
            to open one for many pairs only.
    """

    resources: ScoringResources
    size_limit: BlockSizeLimit
    open_scorer: Callable[[], PairScorer] | None = None


def score_pairs_with_selected(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    records: Mapping[int, PackedRecord],
    select_stored: RecordSelector,
    options: SelectedPairOptions,
) -> ScoredPairs:
    """Find and score the candidate pairs of records with selected stored records.

    Pairs of two given records are left out. Arguments as for ``PairScorer``.

    Args:
        unit: the transaction.
        matcher: the model.
        config_id: the configuration.
        records: the given records, by number.
        select_stored: selects the stored records with which the given ones are compared.
        options: how pairs are found and scored.
    """
    resources, size_limit, open_scorer = options
    blocks, block_sizes = _read_key_table(unit, config_id, records, size_limit)
    own = drop_keys(_key_table(records), block_sizes.purged_keys)
    stored = np.stack([column.to_numpy() for column in blocks.columns])
    given_ids = np.sort(np.fromiter(records, np.int64))
    stored = stored[:, ~are_among(stored[1], given_ids)]
    stored = stored[:, are_among(stored[1], select_stored(sort_distinct(stored[1])))]
    if not stored.size:
        return ScoredPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), block_sizes)
    own = own.filter(are_among(own["key"].to_numpy(), sort_distinct(stored[0])))
    blocks = pa.concat_tables([own, pa.table({"key": stored[0], "record_id": stored[1]})])
    pairs = find_all_candidate_pairs(
        blocks, _record_numbers(records), memory=resources.memory, work_dir=resources.folder
    )
    ends = (are_among(pairs[end].to_numpy(), given_ids) for end in ("lo", "hi"))
    pairs = pairs.filter(np.logical_xor(*ends))
    if open_scorer is not None and pairs.num_rows >= resources.tuning.kept_duckdb_pairs:
        scored = open_scorer().score_pairs(unit, config_id, _select_paired(records, pairs), pairs=pairs)
    else:
        scored = _score_known_pairs(unit, matcher, config_id, records, pairs, resources)
    return replace(scored, block_sizes=block_sizes)


def _select_paired(records: Mapping[int, PackedRecord], pairs: pa.Table) -> dict[int, PackedRecord]:
    """Return those records that are in a pair."""
    ends = {*pairs["lo"].to_pylist(), *pairs["hi"].to_pylist()}
    return {number: packed for number, packed in records.items() if number in ends}


def _score_one_by_one(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    records: Mapping[int, PackedRecord],
    pairs: pa.Table,
    progress: PairProgress | None,
) -> ScoredPairs:
    paired = _select_paired(records, pairs)
    features = {number: unpack_features(packed) for number, packed in paired.items()}
    neighbors: dict[int, list[int]] = {}
    for lo, hi in zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True):
        record, candidate = (lo, hi) if lo in records else (hi, lo)
        neighbors.setdefault(candidate, []).append(record)
    edges: Edges = {}
    done_count = 0
    for batch in score_in_batches(unit, matcher, config_id, features, neighbors):
        edges.update(batch.edges)
        done_count += batch.pair_count
        if progress is not None:
            progress(done_count, pairs.num_rows)
    ends = np.array(list(edges), np.int64).reshape(-1, 2)
    return ScoredPairs(ends[:, 0], ends[:, 1], np.fromiter(edges.values(), np.float64, len(edges)))


def _read_key_table(
    unit: ReadUnit,
    config_id: int,
    records: Mapping[int, PackedRecord],
    size_limit: BlockSizeLimit,
    compared: Mapping[int, PackedRecord] = NO_COMPARED_RECORDS,
    open_snapshot: SnapshotOpener | None = None,
) -> tuple[pa.Table, BlockSizes]:
    """Return a table of blocking keys and the records that have them.

    It holds the given records, the compared ones, and stored records other than the given ones.

    Returns:
        The table without purged keys; and which keys of the given records are purged or doubtful.
    """
    every_own = _key_table(records)
    own = drop_keys(every_own, unit.keys.purged_blocks.all(config_id))
    distinct_keys = sort_distinct(own["key"].to_numpy())
    parts = find_records_by_key(unit, config_id, distinct_keys.tolist(), open_snapshot)
    stored_pairs = np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1)
    given_ids = np.sort(np.fromiter((number for number in records if number > 0), np.int64))
    stored_pairs = stored_pairs[:, ~are_among(stored_pairs[1], given_ids)]
    stored = pa.table({"key": stored_pairs[0], "record_id": stored_pairs[1]})
    blocks = pa.concat_tables([own, stored, _key_table(compared)])
    replaced_ids = np.sort(np.fromiter(size_limit.replaced, np.int64))
    counted = blocks["key"].to_numpy()[~are_among(blocks["record_id"].to_numpy(), replaced_ids)]
    large_at_most = find_purged_keys(blocks["key"].to_numpy(), size_limit.records)
    blocks = drop_keys(blocks, find_purged_keys(counted, size_limit.records))
    paired_keys = sort_distinct(blocks["key"].to_numpy())
    own_keys = sort_distinct(every_own["key"].to_numpy())
    is_paired = are_among(own_keys, paired_keys)
    return blocks, BlockSizes(own_keys[~is_paired], own_keys[is_paired & are_among(own_keys, large_at_most)])


def _record_numbers(records: Mapping[int, PackedRecord]) -> pa.Array:
    return pa.array(sorted(records), pa.int64())


def _feature_batches(records: Mapping[int, PackedRecord]) -> Iterator[pa.RecordBatch]:
    return batch_stored_features((number, record.features) for number, record in records.items())


def _key_table(records: Mapping[int, PackedRecord]) -> pa.Table:
    keys = np.frombuffer(b"".join(record.keys for record in records.values()), np.int64)
    counts = [len(record.keys) // keys.itemsize for record in records.values()]
    return pa.table({"key": keys, "record_id": np.repeat(np.fromiter(records, np.int64), counts)})
