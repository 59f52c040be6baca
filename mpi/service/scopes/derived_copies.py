"""Copies of a scope's features, keys and scored pairs.

They are functions of the records and the configuration. Where the shared index runs the same configuration,
it would compute the same, so it copies them.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import pack_record
from mpi.service.scopes.copies import CopyPage
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class DerivedCopies:
    """Data that a scope derived from the records of a page.

    Args:
        config_digest: digest of the configuration.
        packed: features and keys of active records, by number in the scope. Finer keys of purged ones are
            left out, and so is a record whose candidate search is deferred in the scope.
        edges: scored pairs in the scope of these records, by numbers in the scope.
        purged_keys: blocking keys of these records that bring no pairs in the scope.
        outdated: records that the shared index holds, but not as the scope does: a change waits until after
            the page. By number in the scope.
    """

    config_digest: str
    packed: Mapping[int, PackedRecord]
    edges: Edges
    purged_keys: Set[int]
    outdated: Set[int]


def read_config_digest(unit: ReadUnit, index: Index) -> str | None:
    """Return the digest of the configuration; None if another is loaded."""
    active = unit.configs.active_config()
    return active.digest if active is not None and index.runs(active) else None


def read_derived(
    unit: ReadUnit, index: Index, page: CopyPage, config_digest: str, outdated: Set[int]
) -> DerivedCopies | None:
    """Read what a scope has derived from the records of a page.

    Args:
        unit: the transaction of the scope's index in which the page was read.
        index: the scope's index.
        page: the page.
        config_digest: digest of the configuration that the shared index runs.
        outdated: records that the shared index does not hold as the scope does, without those of the page.

    Returns:
        The copies; None where the scope runs another configuration.
    """
    if read_config_digest(unit, index) != config_digest:
        return None
    config_id = index.config_id(unit)
    numbers = [copy.number for copy in page.records if copy.state is RecordState.ACTIVE]
    features = unit.derived_data.features(config_id, numbers)
    keys = unit.keys.forward.packed_keys(config_id, numbers)
    deferred = unit.large_blocks.pending_among(numbers)
    packed = {
        number: PackedRecord(payload, keys[number].keys if number in keys else b"", config_digest)
        for number, payload in features.items()
        if number not in deferred
    }
    floor = index.matcher.model.thresholds.storage_floor
    edges = unit.derived_data.edges_of(config_id, packed, floor)
    own_keys = np.frombuffer(b"".join(record.keys for record in packed.values()), STORED_DTYPE)
    purged_keys = frozenset(unit.keys.purged_blocks.intersect(config_id, own_keys).tolist())
    own = _drop_finer_keys(index, index.blocking_of(unit, config_id), packed, purged_keys)
    return DerivedCopies(config_digest, own, edges, purged_keys, outdated)


def _drop_finer_keys(
    index: Index, blocking: BlockingSpec, packed: Mapping[int, PackedRecord], purged_keys: Set[int]
) -> dict[int, PackedRecord]:
    """Return records without finer keys: which they have, the shared index decides."""
    if not (blocking.has_refinements and purged_keys):
        return dict(packed)
    return {
        number: record
        if purged_keys.isdisjoint(np.frombuffer(record.keys, STORED_DTYPE).tolist())
        else pack_record(unpack_features(record), blocking, index.keyed_hash, record.config_digest)
        for number, record in packed.items()
    }
