"""Update of features, blocking keys and edges after records change."""

from array import array
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import BlockingSpec, keys
from mpi.matching.scoring.load_scorer import ScoringResources
from mpi.service.core.block_limits import BlockTooLargeError, queue_large_blocks
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.indexing.pairing import DUCKDB_MEMORY, edges_from_columns, score_candidate_pairs
from mpi.service.indexing.scalar_scoring import score_in_batches
from mpi.standardize.payload import features_to_bytes
from mpi.storage.key_index.blocking_keys import PackedKeys
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

MIN_RECORDS_FOR_DUCKDB = 500
"""Fewest changed records whose pairs are found on DuckDB."""

Progress = Callable[[str, int, int], None]
"""Called with the step, the amount done and the total amount."""


def ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Ignore a progress report."""


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record whose features are new or have changed.

    Args:
        group_id: visibility group of its source.
        comparable: the standardized record.
        merged_into: local ID of the record that its source merged it into.
        canonical_key: canonical key of a record that is new in this transaction. Nothing can refer to such a record
            yet, and nothing was derived from it. None for a record that existed.
    """

    group_id: int
    comparable: ComparableRecord
    merged_into: str | None = None
    canonical_key: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether the record was added in this transaction."""
        return self.canonical_key is not None

    @property
    def features(self) -> Features:
        """The features of the record."""
        return unpack_features(self.comparable)

    @property
    def payload(self) -> bytes:
        """The features of the record in stored form."""
        return (
            self.comparable.features
            if isinstance(self.comparable, PackedRecord)
            else features_to_bytes(self.comparable)
        )

    def pack_blocking_keys(self, blocking: BlockingSpec, keyed_hash: KeyedHash) -> bytes:
        """Return the record's blocking keys as native 64-bit integers in bytes."""
        if isinstance(self.comparable, PackedRecord):
            return self.comparable.keys
        return array("q", keys(self.comparable, blocking, keyed_hash)).tobytes()

    def blocking_keys(self, blocking: BlockingSpec, keyed_hash: KeyedHash) -> list[int]:
        """Return the record's blocking keys under the configuration in force."""
        return array("q", self.pack_blocking_keys(blocking, keyed_hash)).tolist()


def pack_record(
    record: ComparableRecord, blocking: BlockingSpec, keyed_hash: KeyedHash, config_digest: str
) -> PackedRecord:
    """Return a standardized record as bytes.

    Args:
        record: the record.
        blocking: blocking rules of the configuration in force.
        keyed_hash: keyed hash of the index.
        config_digest: digest of the configuration in force.
    """
    if isinstance(record, PackedRecord):
        return record
    own = array("q", keys(record, blocking, keyed_hash))
    return PackedRecord(features_to_bytes(record), own.tobytes(), config_digest)


@dataclass(frozen=True, slots=True)
class KnownPairs:
    """Changed records whose pairs were scored before the transaction.

    Args:
        records: the record numbers.
        edges: their pairs at or above the storage floor, with each other and with stored records.
        features: features of records in these pairs, as far as they are in memory.
        block_limit: most records of one block that are searched for the other changed records; None for no limit.
        in_segment: whether the blocking keys of all changed records go into a segment, not into the main table.
    """

    records: frozenset[int]
    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)
    block_limit: int | None = None
    in_segment: bool = False


NO_KNOWN_PAIRS = KnownPairs(frozenset(), {})


def known_pairs_of_record(
    record: int, bits: Mapping[int, float], features: Mapping[int, Features]
) -> KnownPairs:
    """Return the known pairs of one changed record.

    Args:
        record: its number.
        bits: match weight in bits of each paired record; its own is ignored.
        features: features of the paired records.
    """
    edges = {
        (min(record, other), max(record, other)): weight for other, weight in bits.items() if other != record
    }
    return KnownPairs(frozenset((record,)), edges, features)


MAX_KEPT_NEIGHBORS = 100
"""Most neighbors whose features stay in memory until records are resolved."""


@dataclass(frozen=True, slots=True)
class ScoredEdges:
    """Edges of changed records.

    Args:
        edges: pairs at or above the storage floor.
        features: features of the joined records, if those are few; otherwise empty.
    """

    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """Records affected by a reindex, and the new edges.

    Args:
        affected: records whose component may have changed: the changed and removed ones, and every neighbor that
            either had.
        scored: edges of the changed records.
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
    """Replace derived data of changed records and drop that of removed ones.

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
    touched = set(changed) | set(removed)
    note_changed_records(unit, touched)
    stale = touched - {record for record, change in changed.items() if change.is_new}
    floor = index.matcher.model.thresholds.influence_floor
    for edge in unit.derived_data.edges_of(config_id, stale, floor):
        touched.update(edge)
    derived = write_derived_data(unit, index, config_id, changed, stale, progress, known_pairs)
    return ReindexResult(touched, derived)


def write_derived_data(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    stale: Collection[int],
    progress: Progress = ignore_progress,
    known_pairs: KnownPairs = NO_KNOWN_PAIRS,
) -> ScoredEdges:
    """Write features, blocking keys and edges of changed records for one configuration.

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
    unit.derived_data.add_features(config_id, ((r, c.payload) for r, c in changed.items()))
    packed = {r: c.pack_blocking_keys(blocking, index.keyed_hash) for r, c in changed.items()}
    if changed:
        own = {r: PackedKeys(c.group_id, packed[r]) for r, c in changed.items()}
        had = own.keys() & stale
        unit.keys.write(config_id, own, unit.commit_no, as_segment=known_pairs.in_segment, rewritten=had)
    rest = {r: c for r, c in changed.items() if r not in known_pairs.records}
    own_keys = {r: array("q", packed[r]).tolist() for r in rest}
    if len(rest) < MIN_RECORDS_FOR_DUCKDB:
        scored = _score_few(unit, index, config_id, rest, own_keys, known_pairs.block_limit)
    else:
        scored = ScoredEdges(_score_many(unit, index, config_id, rest, own_keys, progress))
    edges = known_pairs.edges | scored.edges
    unit.derived_data.add_edges(config_id, edges)
    unit.send()
    return ScoredEdges(edges, {**known_pairs.features, **scored.features})


def note_changed_records(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Report changed records to a running re-cluster, whose snapshot misses them.

    Every writer of features, keys or edges under the configuration in force must call it.
    """
    active = unit.configs.active_config()
    if active is not None and active.deriving is not None:
        unit.runs.add_changed_records(active.deriving, record_ids)


def find_candidates(unit: ReadUnit, config_id: int, own_keys: Mapping[int, list[int]]) -> dict[int, set[int]]:
    """Return the records that share a blocking key with each given record.

    The record itself is left out.
    """
    return _candidates_by_record(own_keys, _read_blocks(unit, config_id, own_keys, None))


def _read_blocks(
    unit: ReadUnit, config_id: int, own_keys: Mapping[int, list[int]], most: int | None
) -> dict[int, list[int]]:
    sharing: dict[int, list[int]] = {}
    wanted = {key for ks in own_keys.values() for key in ks}
    for key, record in unit.keys.find_records(config_id, unit.sources.group_ids(), wanted, most):
        sharing.setdefault(key, []).append(record)
    return sharing


def _candidates_by_record(
    own_keys: Mapping[int, list[int]], sharing: Mapping[int, list[int]]
) -> dict[int, set[int]]:
    return {
        record: {other for key in ks for other in sharing.get(key, ())} - {record}
        for record, ks in own_keys.items()
    }


def _score_few(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    own_keys: Mapping[int, list[int]],
    most: int | None,
) -> ScoredEdges:
    blocks = _read_blocks(unit, config_id, own_keys, most)
    _check_block_sizes(unit, index, config_id, blocks, most)
    near_to: dict[int, list[int]] = {}
    for record, near in _candidates_by_record(own_keys, blocks).items():
        for other in near:
            near_to.setdefault(other, []).append(record)
    mine = {record: change.features for record, change in changed.items()}
    edges: Edges = {}
    joined: dict[int, Features] = {}
    for part in score_in_batches(unit, index.matcher, config_id, mine, near_to):
        edges.update(part.edges)
        joined.update({end: part.features[end] for edge in part.edges for end in edge})
        if len(joined) > MAX_KEPT_NEIGHBORS:
            joined.clear()
    return ScoredEdges(edges, joined)


def _check_block_sizes(
    unit: WriteUnit, index: Index, config_id: int, blocks: Mapping[int, list[int]], most: int | None
) -> None:
    limits = index.settings.block_limits
    told = limits.alarm if most is None else min(limits.alarm, most)
    sizes = {key: len(records) for key, records in blocks.items() if len(records) > told}
    if not sizes:
        return
    too_large = most is not None and max(sizes.values()) > most
    index.block_counts.count_search(len(sizes), hard=too_large)
    if too_large:
        raise BlockTooLargeError(sizes)
    queue_large_blocks(unit, config_id, sizes)


def _score_many(
    unit: ReadUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    own_keys: Mapping[int, list[int]],
    progress: Progress,
) -> Edges:
    mine = {
        record: PackedRecord(change.payload, array("q", own_keys[record]).tobytes(), "")
        for record, change in changed.items()
    }
    told = ScoringResources(
        index.home, DUCKDB_MEMORY, lambda done, total: progress("scoring pairs", done, total)
    )
    return score_candidate_pairs(unit, index.matcher, config_id, mine, told).to_edges()


def edges_from_table(scored: pa.Table) -> Edges:
    """Convert an engine's table of scored pairs to edges."""
    lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
    return edges_from_columns(lo, hi, np.round(bits, 6))
