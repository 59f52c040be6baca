"""Update of the pairs of blocks that became too large.

A write that finds a key with too many records stores the key as purged: from then on nothing is paired by
it. A later transaction, mostly the worker's, removes the pairs that only purged keys had brought. It also
pairs the records of a key that has few records again. So the stored pairs are a function of the active
records (law 1), as soon as no check is due.
"""

from collections.abc import Collection, Mapping
from itertools import combinations

from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.finer_keys import add_finer_keys, remove_finer_keys
from mpi.service.indexing.reindex import note_changed_records
from mpi.service.indexing.scalar_scoring import score_pairs
from mpi.storage.key_index.purged_blocks import BlockCheck
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

Pair = tuple[int, int]
Blocks = dict[int, set[int]]
"""Records by blocking key."""


def update_pairs_of_blocks(
    unit: WriteUnit, index: Index, config_id: int, checks: Mapping[int, BlockCheck]
) -> set[int]:
    """Update the pairs of blocks that crossed the size limit.

    The records of a block that is too large get finer keys, where the model has a refinement.

    Args:
        unit: the transaction.
        index: the open index.
        config_id: the configuration in force.
        checks: purged keys with what is to be checked of them.

    Returns:
        The records of pairs that were added or removed.
    """
    limit = index.settings.block_limits.paired
    small_blocks: Blocks = {}
    stale_blocks: Blocks = {}
    for key, check in checks.items():
        records = _read_block(unit, config_id, key, None if check is BlockCheck.PAIRS else limit + 1)
        if len(records) <= limit:
            small_blocks[key] = records
        elif check is BlockCheck.PAIRS:
            stale_blocks[key] = records
    unit.keys.purged_blocks.remove(config_id, list(small_blocks))
    unit.keys.purged_blocks.set_checked(config_id, list(checks))
    note_changed_records(unit, remove_finer_keys(unit, index, config_id, small_blocks))
    # After the removals, because a pair of two blocks needs only one that is small.
    finer_pairs = _refine_blocks(unit, index, config_id, stale_blocks)
    removed = _find_unsupported_pairs(unit, index, config_id, stale_blocks.values())
    small_pairs = {pair for records in small_blocks.values() for pair in combinations(sorted(records), 2)}
    added = _score_new_pairs(unit, index, config_id, small_pairs | finer_pairs)
    unit.derived_data.delete_edges(config_id, removed)
    unit.derived_data.add_edges(config_id, added)
    return {end for pair in (*removed, *added) for end in pair}


def _refine_blocks(unit: WriteUnit, index: Index, config_id: int, blocks: Blocks) -> set[Pair]:
    """Add missing finer keys to records of large blocks; return pairs.

    Blocks of finer keys that are too large themselves are stored as purged.
    """
    lacking = add_finer_keys(unit, index, config_id, blocks)
    note_changed_records(unit, lacking)
    finer_keys: set[int] = set().union(*lacking.values())
    finer_blocks: Blocks = {}
    for key, record in unit.keys.find_records(config_id, unit.sources.group_ids(), finer_keys):
        finer_blocks.setdefault(key, set()).add(record)
    limit = index.settings.block_limits.paired
    large = [key for key, records in finer_blocks.items() if len(records) > limit]
    unit.keys.purged_blocks.add(config_id, large, unit.commit_no)
    pairing_keys = finer_keys - unit.keys.purged_blocks.select_purged(config_id, finer_keys)
    return {
        (min(record, other), max(record, other))
        for record, keys in lacking.items()
        for key in keys & pairing_keys
        for other in finer_blocks[key] - {record}
    }


def _read_block(unit: ReadUnit, config_id: int, key: int, limit: int | None) -> set[int]:
    """Return the records of one blocking key, up to a limit."""
    return {record for _, record in unit.keys.find_records(config_id, unit.sources.group_ids(), [key], limit)}


def _find_unsupported_pairs(
    unit: ReadUnit, index: Index, config_id: int, blocks: Collection[set[int]]
) -> list[Pair]:
    """Return the stored pairs within blocks that share purged keys only."""
    records = set().union(*blocks)
    floor = index.matcher.model.thresholds.storage_floor
    stored = unit.derived_data.edges_of(config_id, records, floor) if records else {}
    return select_unsupported_pairs(unit, config_id, [pair for pair in stored if records.issuperset(pair)])


def select_unsupported_pairs(unit: ReadUnit, config_id: int, pairs: Collection[Pair]) -> list[Pair]:
    """Return those of some pairs that share purged keys only."""
    ends = {end for pair in pairs for end in pair}
    keys_of = {record: set(keys) for record, keys in unit.keys.forward.keys_of(config_id, ends).items()}
    purged = unit.keys.purged_blocks.select_purged(config_id, set().union(*keys_of.values()))
    pairing_keys = {record: keys - purged for record, keys in keys_of.items()}
    nothing: set[int] = set()
    return [
        (lo, hi)
        for lo, hi in pairs
        if pairing_keys.get(lo, nothing).isdisjoint(pairing_keys.get(hi, nothing))
    ]


def _score_new_pairs(unit: ReadUnit, index: Index, config_id: int, pairs: Collection[Pair]) -> Edges:
    """Score those of some pairs that are not stored yet."""
    records = {end for pair in pairs for end in pair}
    floor = index.matcher.model.thresholds.storage_floor
    new_pairs = set(pairs) - unit.derived_data.edges_of(config_id, records, floor).keys()
    features = load_features(unit, config_id, records)
    return score_pairs(index.matcher, features, sorted(new_pairs))
