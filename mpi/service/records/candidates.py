"""Find and score the candidates of a single record.

Candidates share a blocking key with the record; they are requested together and scored one by one.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mpi.domain.features import Features
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import MAX_KEPT_NEIGHBORS
from mpi.service.indexing.scalar_scoring import score_pairs
from mpi.service.statements.statement import Statement
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.key_index.candidate_query import CandidateRows
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.unit_of_work.units import ReadUnit

_SELF = 0
"""Number that stands for the record itself; no stored record has it."""


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """Query for the records that share a blocking key with one record.

    Args:
        statement: the statement that creates or changes the record.
        packed: the standardized record with its blocking keys.
        source_id: the number of its source.
        config_id: the configuration believed to be in force.
        groups: the visibility groups believed to exist.
        block_records: most records, on average, that share a blocking key of the record. Above it, the search
            runs after the write.
    """

    statement: Statement
    packed: PackedRecord
    source_id: int
    config_id: int
    groups: tuple[int, ...]
    block_records: int

    @property
    def keys(self) -> list[int]:
        """The blocking keys of the record whose candidates are searched."""
        return keys_from_bytes(self.packed.keys)

    @property
    def limit(self) -> int:
        """Number of candidates above which the search runs after the write.

        It counts pairs of a blocking key and a record that shares it.
        """
        return self.block_records * (len(self.packed.keys) // STORED_DTYPE.itemsize)

    def is_current(self, unit: ReadUnit, index: Index) -> bool:
        """Return whether the query's configuration and visibility groups still hold.

        Args:
            unit: the transaction.
            index: the open index.
        """
        return index.config_id(unit) == self.config_id and tuple(unit.sources.group_ids()) == self.groups


class ScoredCandidates(NamedTuple):
    """Candidate records of one record that score above the stored floor.

    Args:
        bits: match weight of each candidate, in bits.
        features: comparison features of the candidates; empty if there are many.
        block_sizes: stored records of each blocking key that brings pairs.
        purged_keys: blocking keys of the record that bring no pairs.
    """

    bits: dict[int, float]
    features: dict[int, Features]
    block_sizes: Mapping[int, int] = MappingProxyType({})
    purged_keys: AbstractSet[int] = frozenset()


def build_query(index: Index, source_code: str, prepared: Statement) -> CandidateQuery | None:
    """Build the candidate query of a record statement before its write.

    Args:
        index: the open index.
        source_code: the record's source.
        prepared: the standardized statement.

    Returns:
        The query, or None if this process does not know the source or the configuration yet.
    """
    source, packed = index.caches.sources.get(source_code), prepared.comparable
    # Copied, because another thread may add sources.
    config_id, sources = index.last_config_id, list(index.caches.sources.values())
    if source is None or packed is None or source.paused or not config_id:
        return None
    groups = tuple(sorted({known_source.group_id for known_source in sources}))
    return CandidateQuery(
        statement=prepared,
        packed=packed,
        source_id=source.id,
        config_id=config_id,
        groups=groups,
        block_records=index.tuning.request.block_records,
    )


def request_candidates(unit: ReadUnit, query: CandidateQuery) -> Callable[[], CandidateRows]:
    """Request the records that share a blocking key with a record.

    On PostgreSQL the request is pipelined and answered with the next round trip. The list of key segments is
    requested before any segment that may be merged meanwhile, because each statement sees its own moment.

    Args:
        unit: the transaction.
        query: the record's query.

    Returns:
        A function that reads the answer, to be called once.
    """
    config_id, groups, keys, limit = query.config_id, query.groups, query.keys, query.limit
    if not unit.candidates.is_supported:
        purged_keys = unit.keys.purged_blocks.select_purged(config_id, keys)
        pairing_keys = [key for key in keys if key not in purged_keys]
        return lambda: CandidateRows(
            unit.keys.find_records(config_id, groups, pairing_keys, query.block_records), {}, purged_keys
        )
    unit.keys.segments.prefetch()
    read_unsearched = unit.candidates.send(config_id, groups, keys, limit + 1)

    return lambda: read_unsearched(unit.keys.segments.find_records(config_id, groups, keys))


def score_candidates(
    unit: ReadUnit, index: Index, query: CandidateQuery, matches: CandidateRows, own_id: int | None
) -> ScoredCandidates | None:
    """Score the pairs of a record and its candidate matches.

    Args:
        unit: any transaction of the index.
        index: the model.
        query: the record's query.
        matches: its candidates.
        own_id: the record's number, which is no candidate; None for a new record.

    Returns:
        The scored candidates, or None if so many records share its keys, or one of them, that the search has
        to run in the transaction.
    """
    block_sizes = Counter(key for key, _ in matches.pairs)
    if len(matches.pairs) > query.limit or has_large_block(index, block_sizes):
        return None
    candidates = {record for _, record in matches.pairs} - {own_id}
    features = _read_features(unit, query.config_id, candidates, matches.payloads)
    scored = score_records(index, query.packed, features)
    return scored._replace(block_sizes=block_sizes, purged_keys=matches.purged_keys)


def score_records(index: Index, packed: PackedRecord, features: Mapping[int, Features]) -> ScoredCandidates:
    """Score one record against others, given by their features.

    Args:
        index: the model.
        packed: the record.
        features: features of the others.
    """
    if not features:
        return ScoredCandidates({}, {})
    pairs = [(_SELF, candidate) for candidate in features]
    edges = score_pairs(index.matcher, {**features, _SELF: unpack_features(packed)}, pairs)
    bits = {candidate: weight for (_, candidate), weight in edges.items()}
    return ScoredCandidates(
        bits,
        {candidate: features[candidate] for candidate in bits} if len(bits) <= MAX_KEPT_NEIGHBORS else {},
    )


def keys_from_bytes(stored: bytes) -> list[int]:
    """Convert stored blocking keys from bytes to numbers.

    Args:
        stored: the keys as they are stored.
    """
    numbers: list[int] = np.frombuffer(stored, STORED_DTYPE).tolist()
    return numbers


def _read_features(
    unit: ReadUnit, config_id: int, records: Collection[int], payloads: Mapping[int, bytes]
) -> dict[int, Features]:
    """Return comparison features of records: given ones, else the stored ones."""
    features = {record: features_from_bytes(payloads[record]) for record in records if record in payloads}
    missing = [record for record in records if record not in features]
    return features | load_features(unit, config_id, missing) if missing else features


def has_large_block(index: Index, block_sizes: Mapping[int, int]) -> bool:
    """Return whether a blocking key is at its size limit.

    Such a block is purged, reported to operators or searched later, as its size says.

    Args:
        index: has the limits.
        block_sizes: stored records by blocking key.
    """
    limits = index.settings.block_limits
    return max(block_sizes.values(), default=0) > min(limits.alarm, limits.hard, limits.paired - 1)
