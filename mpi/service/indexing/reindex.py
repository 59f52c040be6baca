"""Bring features, blocking keys and edges up to date for the records that changed."""

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
"""From this many changed records on, pairs are found by set, in DuckDB, and many of them scored there."""

Progress = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""


def ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record whose features are new or have changed, and which record its source merged it into.

    ``key`` is the canonical key of one that came in this transaction: nothing can name it yet, and nothing
    have been derived from it.
    """

    group_id: int
    made: ComparableRecord
    merged_into: str | None = None
    key: int | None = None

    @property
    def fresh(self) -> bool:
        """Whether it came in this transaction."""
        return self.key is not None

    @property
    def features(self) -> Features:
        """The record's features."""
        return unpack_features(self.made)

    @property
    def payload(self) -> bytes:
        """The features as they are stored."""
        return self.made.features if isinstance(self.made, PackedRecord) else features_to_bytes(self.made)

    def packed_keys(self, blocking: BlockingSpec, seal: KeyedHash) -> bytes:
        """The same keys as ``PackedRecord`` has them."""
        if isinstance(self.made, PackedRecord):
            return self.made.keys
        return array("q", keys(self.made, blocking, seal)).tobytes()

    def keys(self, blocking: BlockingSpec, seal: KeyedHash) -> list[int]:
        """The record's blocking keys, by the blocking of the configuration in force."""
        return array("q", self.packed_keys(blocking, seal)).tolist()


def pack_record(made: ComparableRecord, blocking: BlockingSpec, seal: KeyedHash, config: str) -> PackedRecord:
    """A record made comparable, in bytes.

    Args:
        made: the record.
        blocking: that of the configuration in force.
        seal: the index's secret.
        config: digest of the configuration in force.
    """
    if isinstance(made, PackedRecord):
        return made
    own = array("q", keys(made, blocking, seal))
    return PackedRecord(features_to_bytes(made), own.tobytes(), config)


@dataclass(frozen=True, slots=True)
class KnownPairs:
    """Changed records whose pairs are known already.

    Args:
        records: the records.
        edges: their pairs from the stored floor up, among themselves and with records indexed before.
        features: of records that those pairs join, as far as they are at hand.
        most: records of one block that are searched for pairs of the others; None for any number.
        in_run: whether the keys of all that changed are put into a run; otherwise they are put among all.
    """

    records: frozenset[int]
    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)
    most: int | None = None
    in_run: bool = False


NO_KNOWN_PAIRS = KnownPairs(frozenset(), {})


def known_pairs_of_record(record: int, bits: Mapping[int, float], features: Mapping[int, Features]) -> KnownPairs:
    """One changed record whose pairs are known.

    Args:
        record: its number.
        bits: weight of each record that it pairs with; its own is left out.
        features: of those.
    """
    edges = {
        (min(record, other), max(record, other)): weight for other, weight in bits.items() if other != record
    }
    return KnownPairs(frozenset((record,)), edges, features)


MAX_KEPT_NEIGHBORS = 100
"""Neighbours whose features are kept until they are settled: they are needed again."""


@dataclass(frozen=True, slots=True)
class ScoredEdges:
    """Pairs of changed records.

    Args:
        edges: those from the stored floor up.
        features: of records that they join, where those are few; else of none.
    """

    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """What became of the records that changed.

    Args:
        touched: the records whose component may be another now: those changed, those gone, and every
            neighbour that either had.
        scored: the pairs of those changed.
    """

    touched: set[int]
    scored: ScoredEdges


def reindex(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, ChangedRecord],
    gone: Collection[int],
    progress: Progress = ignore_progress,
    paired: KnownPairs = NO_KNOWN_PAIRS,
) -> ReindexResult:
    """Replace what is derived from the changed records and drop what was derived from those gone.

    Args:
        unit: the transaction.
        index: model, secret, and a place to spill.
        changed: records with their features.
        gone: records that no longer take part.
        progress: told of long steps.
        paired: those of the changed records whose pairs need not be looked for.

    Raises:
        BlockTooLargeError: a block has more records than are searched: what was written is to be rolled back.

    """
    config_id = index.config_id(unit)
    touched = set(changed) | set(gone)
    note_changed_records(unit, touched)
    stale = touched - {record for record, change in changed.items() if change.fresh}
    floor = index.matcher.model.thresholds.influence_floor
    for edge in unit.derived_data.edges_of(config_id, stale, floor):
        touched.update(edge)
    derived = write_derived_data(unit, index, config_id, changed, stale, progress, paired)
    return ReindexResult(touched, derived)


def write_derived_data(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    changed: Mapping[int, ChangedRecord],
    stale: Collection[int],
    progress: Progress = ignore_progress,
    paired: KnownPairs = NO_KNOWN_PAIRS,
) -> ScoredEdges:
    """Write features, keys and edges of changed records under a configuration of the index's model.

    Args:
        unit: the transaction.
        index: for model, secret, and a place to spill.
        config_id: the configuration, in force or not.
        changed: records with their features.
        stale: records of which what was derived before is dropped.
        progress: told of long steps.
        paired: those of the changed records whose pairs need not be looked for.

    Raises:
        BlockTooLargeError: a block has more records than are searched: what was written is to be rolled back.
    """
    unit.derived_data.delete(config_id, stale, keep_keys_of=changed)
    blocking = index.blocking_of(unit, config_id)
    unit.derived_data.add_features(config_id, ((r, c.payload) for r, c in changed.items()))
    packed = {r: c.packed_keys(blocking, index.keyed_hash) for r, c in changed.items()}
    if changed:
        own = {r: PackedKeys(c.group_id, packed[r]) for r, c in changed.items()}
        had = own.keys() & stale
        unit.keys.write(config_id, own, unit.commit_no, as_segment=paired.in_run, rewritten=had)
    rest = {r: c for r, c in changed.items() if r not in paired.records}
    own_keys = {r: array("q", packed[r]).tolist() for r in rest}
    if len(rest) < MIN_RECORDS_FOR_DUCKDB:
        scored = _score_few(unit, index, config_id, rest, own_keys, paired.most)
    else:
        scored = ScoredEdges(_score_many(unit, index, config_id, rest, own_keys, progress))
    edges = paired.edges | scored.edges
    unit.derived_data.add_edges(config_id, edges)
    unit.send()
    return ScoredEdges(edges, {**paired.features, **scored.features})


def note_changed_records(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Tell the run that derives now, if there is one, that its snapshot does not hold for these records.

    Whoever writes features, keys or edges of the configuration in force says so here.
    """
    active = unit.configs.active_config()
    if active is not None and active.deriving is not None:
        unit.runs.add_changed_records(active.deriving, record_ids)


def find_candidates(unit: ReadUnit, config_id: int, own_keys: Mapping[int, list[int]]) -> dict[int, set[int]]:
    """The records that share a blocking key with each of a few records, itself left out."""
    return _candidates_by_record(own_keys, _read_blocks(unit, config_id, own_keys, None))


def _read_blocks(
    unit: ReadUnit, config_id: int, own_keys: Mapping[int, list[int]], most: int | None
) -> dict[int, list[int]]:
    sharing: dict[int, list[int]] = {}
    wanted = {key for ks in own_keys.values() for key in ks}
    for key, record in unit.keys.find_records(config_id, unit.sources.group_ids(), wanted, most):
        sharing.setdefault(key, []).append(record)
    return sharing


def _candidates_by_record(own_keys: Mapping[int, list[int]], sharing: Mapping[int, list[int]]) -> dict[int, set[int]]:
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
        joined.update({end: part.known[end] for edge in part.edges for end in edge})
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
    index.block_counts.met(len(sizes), hard=too_large)
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
    told = ScoringResources(index.home, DUCKDB_MEMORY, lambda done, total: progress("scoring pairs", done, total))
    return score_candidate_pairs(unit, index.matcher, config_id, mine, told).edges()


def edges_from_table(scored: pa.Table) -> Edges:
    """Weights as an engine gives them, as edges."""
    lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
    return edges_from_columns(lo, hi, np.round(bits, 6))
