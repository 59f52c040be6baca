"""Candidates of one record: who shares a blocking key with it, asked at one go and weighed one by one."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mpi.domain.features import Features
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import KNOWN_AT_MOST
from mpi.service.indexing.scalar_scoring import weighed
from mpi.service.statements.statement import Statement
from mpi.standardize.payload import features_from_bytes
from mpi.storage.key_index.candidates import CandidateRows
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.unit_of_work.unit import ReadUnit

LARGEST_AVERAGE_BLOCK = 20
"""Records that share a key, on average, beyond which a record is searched for once it is written."""
_SELF = 0
"""Stands for the record itself; no stored record has this number."""


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """A record whose pairs are looked for.

    Args:
        statement: the statement.
        packed: what it is made comparable to.
        source_id: the number of its source.
        config_id: of the configuration that seems to be in force.
        groups: the visibility groups that there seem to be.
    """

    statement: Statement
    packed: PackedRecord
    source_id: int
    config_id: int
    groups: tuple[int, ...]

    @property
    def keys(self) -> list[int]:
        """Its blocking keys."""
        return keys_from_bytes(self.packed.keys)

    @property
    def limit(self) -> int:
        """Pairs of a key and a record that shares it, beyond which it is searched for once it is written."""
        return LARGEST_AVERAGE_BLOCK * (len(self.packed.keys) // STORED_DTYPE.itemsize)

    def is_current(self, unit: ReadUnit, index: Index) -> bool:
        """Whether the configuration and the groups are those in force."""
        return index.config_id(unit) == self.config_id and tuple(unit.sources.group_ids()) == self.groups


class ScoredCandidates(NamedTuple):
    """Records that pair with one.

    Args:
        bits: weight of each, in bits, from the stored floor up.
        features: of those; of none where they are many.
    """

    bits: dict[int, float]
    features: dict[int, Features]


def build_query(index: Index, source_code: str, prepared: Statement) -> CandidateQuery | None:
    """A record whose pairs are looked for before it is written; None where too little is known for that.

    Args:
        index: the open index.
        source_code: the record's source.
        prepared: what is said of it, made comparable.
    """
    source, packed = index.caches.sources.get(source_code), prepared.made
    # Copied at one go: another thread may add to what is known.
    config_id, sources = index.last_config_id, list(index.caches.sources.values())
    if source is None or packed is None or source.paused or not config_id:
        return None
    groups = tuple(sorted({known_source.group_id for known_source in sources}))
    return CandidateQuery(prepared, packed, source.id, config_id, groups)


def request_candidates(unit: ReadUnit, query: CandidateQuery) -> Callable[[], CandidateRows]:
    """Ask for a record's candidates; what is returned reads the answer, once.

    On PostgreSQL it is sent ahead, and answered with whatever is waited for next. Which runs there are is
    asked before what may be merged from them meanwhile, where each statement is of a moment of its own.
    """
    config_id, groups, keys, limit = query.config_id, query.groups, query.keys, query.limit
    if not unit.candidates.is_supported:
        return lambda: CandidateRows(unit.keys.find_records(config_id, groups, keys, LARGEST_AVERAGE_BLOCK), {})
    unit.keys.segments.prefetch()
    read_unsearched = unit.candidates.send(config_id, groups, keys, limit + 1)

    return lambda: read_unsearched(unit.keys.segments.find_records(config_id, groups, keys))


def score_candidates(
    unit: ReadUnit, index: Index, query: CandidateQuery, found: CandidateRows, own_id: int | None
) -> ScoredCandidates | None:
    """Those of a record's candidates that pair with it; None where they have to be searched for otherwise.

    That is where so many share its keys, or one of them, that the transaction tells of it.

    Args:
        unit: any of the index.
        index: the model.
        query: the record.
        found: its candidates.
        own_id: the record's number, which is not its candidate; None of one that is new.
    """
    if len(found.pairs) > query.limit or _has_large_block(index, found.pairs):
        return None
    candidates = {record for _, record in found.pairs} - {own_id}
    features = _read_features(unit, query.config_id, candidates, found.payloads)
    return score_records(index, query.packed, features)


def score_records(index: Index, packed: PackedRecord, features: Mapping[int, Features]) -> ScoredCandidates:
    """Those of some records that pair with one."""
    if not features:
        return ScoredCandidates({}, {})
    pairs = [(_SELF, candidate) for candidate in features]
    edges = weighed(index.matcher, {**features, _SELF: unpack_features(packed)}, pairs)
    bits = {candidate: weight for (_, candidate), weight in edges.items()}
    return ScoredCandidates(
        bits, {candidate: features[candidate] for candidate in bits} if len(bits) <= KNOWN_AT_MOST else {}
    )


def keys_from_bytes(stored: bytes) -> list[int]:
    """Blocking keys as they are stored, as numbers."""
    each: list[int] = np.frombuffer(stored, STORED_DTYPE).tolist()
    return each


def _read_features(
    unit: ReadUnit, config_id: int, records: Collection[int], payloads: Mapping[int, bytes]
) -> dict[int, Features]:
    """Features of records, those that are not at hand read from the store."""
    features = {record: features_from_bytes(payloads[record]) for record in records if record in payloads}
    missing = [record for record in records if record not in features]
    return features | load_features(unit, config_id, missing) if missing else features


def _has_large_block(index: Index, sharing: Collection[tuple[int, int]]) -> bool:
    """Whether a block is so large that the transaction tells of it."""
    sizes = Counter(key for key, _ in sharing)
    return max(sizes.values(), default=0) > min(
        index.settings.block_limits.alarm, index.settings.block_limits.hard
    )
