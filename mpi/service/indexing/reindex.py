"""Update of features, blocking keys and edges after records change."""

from array import array
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from mpi.domain.features import Features
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.block_purging import are_among
from mpi.service.core.block_limits import BlockTooLargeError, queue_large_blocks
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.finer_keys import find_finer_keys, find_finer_keys_of_holders, merge_keys
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs
from mpi.service.indexing.pair_scorer import score_candidate_pairs
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.indexing.scalar_scoring import score_in_batches
from mpi.service.indexing.scored_pairs import NO_LARGE_BLOCKS, BlockSizeLimit, BlockSizes, edges_from_columns
from mpi.storage.key_index.forward_index import PackedKeys
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

Progress = Callable[[str, int, int], None]
"""Called with the step, the amount done and the total amount."""


def ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Do nothing with a progress report, where nobody watches."""


NO_OWN_KEYS: Mapping[int, Collection[int]] = MappingProxyType({})
MAX_KEPT_NEIGHBORS = 100
"""Most neighbors whose features stay in memory until records are resolved."""


@dataclass(frozen=True, slots=True)
class ScoredEdges:
    """Scored pairs (edges) of changed records.

    Args:
        edges: pairs at or above the storage floor.
        features: features of the joined records, if those are few; otherwise empty.
    """

    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """Records affected by indexing changes, and their new scored pairs.

    Args:
        affected: records whose component may have changed: the changed and removed ones, and every neighbor
            that either had.
        scored: scored pairs of the changed records.
    """

    affected: set[int]
    scored: ScoredEdges


def reindex(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, ChangedRecord],
    removed: Collection[int],
    progress: Progress = ignore_progress,
    known_pairs: KnownPairs = NO_KNOWN_PAIRS,
) -> ReindexResult:
    """Replace changed records' features, blocking keys and pairs; drop removed ones'.

    Args:
        unit: the transaction.
        index: the open index.
        changed: changed records, by number.
        removed: records that no longer take part.
        progress: reports long steps.
        known_pairs: changed records whose pairs need not be searched.

    Raises:
        BlockTooLargeError: a block is above the limit; the caller must roll back.
    """
    config_id = index.config_id(unit)
    affected = set(changed) | set(removed)
    note_changed_records(unit, affected)
    stale_ids = affected - {record for record, change in changed.items() if change.is_new}
    floor = index.matcher.model.thresholds.influence_floor
    for edge in unit.derived_data.edges_of(config_id, stale_ids, floor):
        affected.update(edge)
    scored = write_derived_data(unit, index, config_id, changed, stale_ids, progress, known_pairs)
    return ReindexResult(affected, scored)


def write_derived_data(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    stale: Collection[int],
    progress: Progress = ignore_progress,
    known_pairs: KnownPairs = NO_KNOWN_PAIRS,
) -> ScoredEdges:
    """Write features, blocking keys and scored pairs of changed records.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: a configuration of the index's model, in force or not.
        changed: changed records, by number.
        stale: records whose earlier derived data is dropped.
        progress: reports long steps.
        known_pairs: changed records whose pairs need not be searched.

    Raises:
        BlockTooLargeError: a block is above the limit; the caller must roll back.
    """
    unit.derived_data.delete(config_id, stale, keep_keys_of=changed)
    blocking = index.blocking_of(unit, config_id)
    unit.derived_data.add_features(
        config_id, ((record_id, change.payload) for record_id, change in changed.items())
    )
    packed = {
        record_id: change.pack_blocking_keys(blocking, index.keyed_hash)
        for record_id, change in changed.items()
    }
    if known_pairs.block_sizes is not NO_LARGE_BLOCKS:
        _purge_known_blocks(unit, config_id, packed, known_pairs.block_sizes)
    finer_keys = _find_finer_keys(unit, index, config_id, changed, packed, known_pairs)
    if changed:
        own_keys_by_record = {
            record_id: PackedKeys(
                change.group_id, merge_keys(packed[record_id], finer_keys.get(record_id, ()))
            )
            for record_id, change in changed.items()
        }
        replaced = own_keys_by_record.keys() & stale
        in_segment = known_pairs.in_segment
        unit.keys.write(
            config_id, own_keys_by_record, unit.commit_no, as_segment=in_segment, rewritten=replaced
        )
    if known_pairs.block_sizes is not NO_LARGE_BLOCKS:
        _purge_doubtful_blocks(unit, index, config_id, packed, known_pairs.block_sizes)
    searched_keys = _list_searched_keys(changed, packed, finer_keys, known_pairs.records)
    searched = {record_id: changed[record_id] for record_id in searched_keys}
    if len(searched) < index.tuning.scoring.duckdb_records:
        scored = _score_few(unit, index, config_id, searched, searched_keys, known_pairs.block_limit)
    else:
        scored = ScoredEdges(_score_many(unit, index, config_id, searched, searched_keys, progress))
    edges = known_pairs.edges | scored.edges
    unit.derived_data.add_edges(config_id, edges)
    unit.send()
    return ScoredEdges(edges, {**known_pairs.features, **scored.features})


def _list_searched_keys(
    changed: Mapping[int, ChangedRecord],
    packed: Mapping[int, bytes],
    finer_keys: Mapping[int, list[int]],
    known_records: frozenset[int],
) -> dict[int, list[int]]:
    """Return the keys by which changed records are searched for pairs.

    Records whose pairs are known were compared by their own keys alone.
    """
    return {
        record_id: array("q", packed[record_id]).tolist() + finer_keys.get(record_id, [])
        for record_id in changed
        if record_id not in known_records
    } | {record_id: keys for record_id, keys in finer_keys.items() if record_id in known_records}


def _find_finer_keys(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    packed: Mapping[int, bytes],
    known_pairs: KnownPairs,
) -> dict[int, list[int]]:
    """Return the finer keys of changed records that hold purged keys."""
    comparable = {record_id: change.comparable for record_id, change in changed.items()}
    if known_pairs.purged_keys is not None and changed.keys() <= known_pairs.records:
        return find_finer_keys_of_holders(unit, index, config_id, comparable, packed, known_pairs.purged_keys)
    own_keys = {record_id: array("q", keys).tolist() for record_id, keys in packed.items()}
    return find_finer_keys(unit, index, config_id, comparable, own_keys)


def _purge_known_blocks(
    unit: WriteUnit, config_id: int, packed: Mapping[int, bytes], sizes: BlockSizes
) -> None:
    """Store which blocks of changed records are too large to bring pairs."""
    own_keys = np.frombuffer(b"".join(packed.values()), np.int64)
    purged_keys = own_keys[are_among(own_keys, sizes.purged_keys)]
    unit.keys.purged_blocks.add(config_id, purged_keys.tolist(), unit.commit_no)


def _purge_doubtful_blocks(
    unit: WriteUnit, index: Index, config_id: int, packed: Mapping[int, bytes], sizes: BlockSizes
) -> None:
    """Count the blocks of written records that may be too large."""
    own_keys = np.frombuffer(b"".join(packed.values()), np.int64)
    doubtful_keys = own_keys[are_among(own_keys, sizes.doubtful_keys)].tolist()
    if doubtful_keys:
        # The number of a record plays no part here.
        purge_large_blocks(unit, index, config_id, read_blocks(unit, config_id, {0: doubtful_keys}, None))


def note_changed_records(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Report changed records to a running re-cluster, which would miss them.

    Every writer of features, keys or edges under the configuration in force must call it.
    """
    active = unit.configs.active_config()
    if active is not None and active.deriving is not None:
        unit.runs.add_changed_records(active.deriving, record_ids)


def find_candidates(
    unit: ReadUnit, config_id: int, own_keys: Mapping[int, list[int]], *, with_purged: bool = False
) -> dict[int, set[int]]:
    """Return the other records that share a blocking key with each record.

    Args:
        unit: the transaction.
        config_id: the configuration.
        own_keys: keys of each record.
        with_purged: whether keys count too that bring no pairs, as for a person who searches.
    """
    blocks = read_blocks(unit, config_id, own_keys, None, with_purged=with_purged)
    return candidates_by_record(own_keys, blocks)


def read_blocks(
    unit: ReadUnit,
    config_id: int,
    own_keys: Mapping[int, list[int]],
    limit: int | None,
    *,
    with_purged: bool = False,
) -> dict[int, list[int]]:
    """Return the stored records that have each key of some records.

    Args:
        unit: the transaction.
        config_id: the configuration.
        own_keys: keys of each record.
        limit: most records of one key; reading stops where it is exceeded. None for no limit.
        with_purged: whether keys are read too that too many records hold to bring pairs.
    """
    records_by_key: dict[int, list[int]] = {}
    distinct_keys = {key for record_keys in own_keys.values() for key in record_keys}
    if not with_purged:
        distinct_keys -= unit.keys.purged_blocks.select_purged(config_id, distinct_keys)
    for key, record in unit.keys.find_records(config_id, unit.sources.group_ids(), distinct_keys, limit):
        records_by_key.setdefault(key, []).append(record)
    return records_by_key


def candidates_by_record(
    own_keys: Mapping[int, list[int]], records_by_key: Mapping[int, list[int]]
) -> dict[int, set[int]]:
    """Return the other records that share a key with each record."""
    return {
        record: {candidate for key in record_keys for candidate in records_by_key.get(key, ())} - {record}
        for record, record_keys in own_keys.items()
    }


def _score_few(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    own_keys: Mapping[int, list[int]],
    limit: int | None,
) -> ScoredEdges:
    blocks = read_blocks(unit, config_id, own_keys, limit)
    check_block_sizes(unit, index, config_id, blocks, limit)
    purge_large_blocks(unit, index, config_id, blocks)
    neighbors: dict[int, list[int]] = {}
    for record, candidates in candidates_by_record(own_keys, blocks).items():
        for candidate in candidates:
            neighbors.setdefault(candidate, []).append(record)
    features = {record: change.features for record, change in changed.items()}
    edges: Edges = {}
    neighbor_features: dict[int, Features] = {}
    for batch in score_in_batches(unit, index.matcher, config_id, features, neighbors):
        edges.update(batch.edges)
        neighbor_features.update(
            {record_id: batch.features[record_id] for edge in batch.edges for record_id in edge}
        )
        if len(neighbor_features) > MAX_KEPT_NEIGHBORS:
            neighbor_features.clear()
    return ScoredEdges(edges, neighbor_features)


def check_block_sizes(
    unit: WriteUnit, index: Index, config_id: int, blocks: Mapping[int, list[int]], limit: int | None
) -> None:
    """Count and queue blocks above the alarm size.

    Raises:
        BlockTooLargeError: a block is above the limit; the caller must roll back.
    """
    limits = index.settings.block_limits
    alarm_size = limits.alarm if limit is None else min(limits.alarm, limit)
    sizes = {key: len(records) for key, records in blocks.items() if len(records) > alarm_size}
    if not sizes:
        return
    if limit is not None and max(sizes.values()) > limit:
        raise BlockTooLargeError(sizes)
    queue_large_blocks(unit, config_id, sizes)


def purge_large_blocks(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    blocks: dict[int, list[int]],
    own_keys: Mapping[int, Collection[int]] = NO_OWN_KEYS,
) -> None:
    """Store keys of too large blocks as purged; drop these blocks.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration.
        blocks: stored records by blocking key; purged blocks are removed in place.
        own_keys: keys by record of further records, which may be stored already.
    """
    limit = index.settings.block_limits.paired
    holders = {key: set(records) for key, records in blocks.items()}
    for record, record_keys in own_keys.items():
        for key in record_keys:
            holders.setdefault(key, set()).add(record)
    purged = [key for key, records in holders.items() if len(records) > limit]
    unit.keys.purged_blocks.add(config_id, purged, unit.commit_no)
    for key in purged:
        blocks.pop(key, None)


def _score_many(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    own_keys: Mapping[int, list[int]],
    progress: Progress,
) -> Edges:
    packed_records = {
        record: PackedRecord(change.payload, array("q", own_keys[record]).tobytes(), "")
        for record, change in changed.items()
    }
    resources = ScoringResources(
        index.home,
        DUCKDB_MEMORY,
        lambda done, total: progress("scoring pairs", done, total),
        index.tuning.scoring,
    )
    scored = score_candidate_pairs(
        unit,
        index.matcher,
        config_id,
        packed_records,
        resources,
        size_limit=BlockSizeLimit(index.settings.block_limits.paired),
    )
    unit.keys.purged_blocks.add(config_id, scored.block_sizes.purged_keys.tolist(), unit.commit_no)
    return scored.to_edges()


def edges_from_table(scored: pa.Table) -> Edges:
    """Convert a scoring engine's table of pairs to a mapping of pairs."""
    lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
    return edges_from_columns(lo, hi, np.round(bits, 6))
