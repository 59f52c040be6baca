"""Finer keys of records whose blocking keys too many records hold.

A purged key brings no pairs. Where its rule has a refinement, each of its records has finer keys too: the
same values and what the refinement names. They are blocking keys like all others, so every path searches and
counts them alike. A pair that shares a finer key shares the key itself. So finer keys that are left over from
a key which brings pairs again add no pair.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

import numpy as np

from mpi.matching.model.blocking_keys import compute_finer_keys
from mpi.matching.scoring.block_purging import are_among
from mpi.service.core.comparable_record import ComparableRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.storage.key_index.forward_index import PackedKeys
from mpi.storage.key_index.segment_arrays import STORED_DTYPE, sort_distinct
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_MANY_KEYS = 5_000
"""Keys above which all purged keys are read at once."""


def find_finer_keys(
    unit: ReadUnit,
    index: Index,
    config_id: int,
    records: Mapping[int, ComparableRecord],
    own_keys: Mapping[int, Collection[int]],
    purged_keys: Collection[int] | None = None,
) -> dict[int, list[int]]:
    """Return the finer keys of those records that hold purged keys.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration.
        records: the standardized records.
        own_keys: blocking keys of each record, without finer ones.
        purged_keys: those of these keys that bring no pairs; None to read them.
    """
    blocking = index.blocking_of(unit, config_id)
    if not blocking.has_refinements:
        return {}
    purged = set(_select_purged(unit, config_id, own_keys) if purged_keys is None else purged_keys)
    if not purged:
        return {}
    finer_keys = {
        record: compute_finer_keys(unpack_features(records[record]), blocking, index.keyed_hash, purged)
        for record, keys in own_keys.items()
        if not purged.isdisjoint(keys)
    }
    return {record: keys for record, keys in finer_keys.items() if keys}


def find_finer_keys_of_holders(
    unit: ReadUnit,
    index: Index,
    config_id: int,
    records: Mapping[int, ComparableRecord],
    packed: Mapping[int, bytes],
    purged_keys: Collection[int],
) -> dict[int, list[int]]:
    """Return finer keys as ``find_finer_keys`` does, where purged keys are known.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration.
        records: the standardized records.
        packed: blocking keys of each record as bytes, without finer ones.
        purged_keys: those of these keys that bring no pairs.
    """
    if not purged_keys:
        return {}
    counts = [len(keys) // STORED_DTYPE.itemsize for keys in packed.values()]
    owners = np.repeat(np.fromiter(packed, np.int64, len(packed)), counts)
    purged = np.sort(np.fromiter(purged_keys, np.int64, len(purged_keys)))
    is_purged = are_among(np.frombuffer(b"".join(packed.values()), STORED_DTYPE), purged)
    own_keys = {
        record: np.frombuffer(packed[record], STORED_DTYPE).tolist()
        for record in sort_distinct(owners[is_purged]).tolist()
    }
    return find_finer_keys(unit, index, config_id, records, own_keys, purged_keys)


def _select_purged(unit: ReadUnit, config_id: int, own_keys: Mapping[int, Collection[int]]) -> set[int]:
    """Return those keys of some records that bring no pairs."""
    distinct_keys = set(chain.from_iterable(own_keys.values()))
    if len(distinct_keys) > _MANY_KEYS:
        return distinct_keys.intersection(unit.keys.purged_blocks.all(config_id).tolist())
    return unit.keys.purged_blocks.select_purged(config_id, distinct_keys)


def merge_keys(own_keys: bytes, finer_keys: Collection[int]) -> bytes:
    """Return a record's stored keys with finer ones, ascending."""
    if not finer_keys:
        return own_keys
    keys = np.union1d(np.frombuffer(own_keys, STORED_DTYPE), np.fromiter(finer_keys, np.int64))
    return keys.astype(STORED_DTYPE).tobytes()


def add_finer_keys(
    unit: WriteUnit, index: Index, config_id: int, blocks: Mapping[int, Collection[int]]
) -> dict[int, set[int]]:
    """Give the records of purged keys the finer keys that they lack.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration.
        blocks: the records of each purged key.

    Returns:
        By record that lacked some, its finer keys of these blocks.
    """
    lacking: dict[int, set[int]] = {}
    for records, finer_keys in _compute_in_batches(unit, index, config_id, blocks):
        stored = unit.keys.forward.packed_keys(config_id, records)
        rewritten = {
            record: packed._replace(keys=merge_keys(packed.keys, finer_keys[record]))
            for record, packed in stored.items()
            if not finer_keys[record].issubset(np.frombuffer(packed.keys, STORED_DTYPE).tolist())
        }
        _rewrite(unit, config_id, rewritten)
        lacking.update({record: finer_keys[record] for record in rewritten})
    return lacking


def remove_finer_keys(
    unit: WriteUnit, index: Index, config_id: int, blocks: Mapping[int, Collection[int]]
) -> set[int]:
    """Remove the finer keys of keys that bring pairs again.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration.
        blocks: the records of each key.

    Returns:
        The records that had some.
    """
    changed: set[int] = set()
    for records, finer_keys in _compute_in_batches(unit, index, config_id, blocks):
        rewritten = {}
        for record, packed in unit.keys.forward.packed_keys(config_id, records).items():
            keys = np.frombuffer(packed.keys, STORED_DTYPE)
            kept = keys[~np.isin(keys, list(finer_keys[record]))]
            if len(kept) < len(keys):
                rewritten[record] = packed._replace(keys=kept.tobytes())
        _rewrite(unit, config_id, rewritten)
        changed |= rewritten.keys()
    return changed


def _rewrite(unit: WriteUnit, config_id: int, keys_by_record: Mapping[int, PackedKeys]) -> None:
    """Replace the blocking keys of records."""
    if keys_by_record:
        unit.keys.write(config_id, keys_by_record, unit.commit_no, rewritten=keys_by_record.keys())


def _compute_in_batches(
    unit: ReadUnit, index: Index, config_id: int, blocks: Mapping[int, Collection[int]]
) -> Iterable[tuple[list[int], dict[int, set[int]]]]:
    """Yield batches of blocks' records, with the finer keys of each."""
    blocking = index.blocking_of(unit, config_id)
    if not blocking.has_refinements:
        return
    refined = set(blocks)
    for batch in split_into_batches(unit, sorted(set(chain.from_iterable(blocks.values())))):
        finer_keys = {
            record: set(compute_finer_keys(features, blocking, index.keyed_hash, refined))
            for record, features in load_features(unit, config_id, batch).items()
        }
        yield [record for record, keys in finer_keys.items() if keys], finer_keys
