"""Records that share their blocking keys, and the state that an index must reach with them."""

import random
from collections import Counter
from dataclasses import replace
from itertools import combinations

from mpi.domain.snapshot import Snapshot
from mpi.domain.weight import round_weight
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.stored_features import load_features
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, all_keys, load_rows, make_child, partition_of, with_settings

LIMIT = 4
"""Most records of a block that brings pairs, in these tests."""
REFINEMENTS = {"names": ["birth_date"], "birth": ["given"]}
"""What must agree besides, where too many records hold a key of a rule of the test model."""
GIVEN_NAMES = ("Amara", "Amaro", "Bea")
BIRTH_DATES = ("2014-03-09", "2014-03-10")


def with_small_blocks(index, limit: int = LIMIT):
    """Return the open index with another limit of a block that brings pairs."""
    return with_settings(index, block_limits=replace(BlockLimits(), paired=limit))


def make_dense_child(number: int, content: int) -> dict[str, object]:
    """Return one of a few children who differ little, under a local ID of its own."""
    content, given = divmod(content, len(GIVEN_NAMES))
    birth_date = BIRTH_DATES[content % len(BIRTH_DATES)]
    return make_child(f"r{number}", first_name=GIVEN_NAMES[given], birth_date=birth_date, postal_code=None)


def expected_keys(index) -> dict[int, set[int]]:
    """Return the keys that each record must have, by record.

    Those of a key that too many records hold have the keys that a stop of the key would give them, besides.
    """
    limit = index.settings.block_limits.paired
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        blocking = index.blocking_of(unit, config_id)
        features = load_features(unit, config_id, unit.records.active_canonical_keys())
    own = {record: set(compute_keys(each, blocking, index.keyed_hash)) for record, each in features.items()}
    sizes = Counter(key for keys in own.values() for key in keys)
    stopping = blocking.with_stopped_keys(frozenset(key for key in sizes if sizes[key] > limit))
    return {
        record: own[record] | set(compute_keys(each, stopping, index.keyed_hash))
        for record, each in features.items()
    }


def expected_edges(index) -> dict[tuple[int, int], float]:
    """Return the pairs that the active records bring, computed pair by pair."""
    limit = index.settings.block_limits.paired
    floor = index.matcher.model.thresholds.storage_floor
    blocks: dict[int, set[int]] = {}
    for record, keys in expected_keys(index).items():
        for key in keys:
            blocks.setdefault(key, set()).add(record)
    pairs = {
        pair
        for records in blocks.values()
        if len(records) <= limit
        for pair in combinations(sorted(records), 2)
    }
    with index.database.read(OPERATOR) as unit:
        features = load_features(unit, index.config_id(unit), {end for pair in pairs for end in pair})
    weights = {
        (lo, hi): round_weight(index.matcher.scorer.weigh(features[lo], features[hi])) for lo, hi in pairs
    }
    return {pair: bits for pair, bits in weights.items() if bits >= floor}


def stored_keys(index) -> dict[int, set[int]]:
    """Return the keys of each record that searches find."""
    keys_by_record: dict[int, set[int]] = {}
    with index.database.read(OPERATOR) as unit:
        for key, record in all_keys(unit, index.config_id(unit)):
            keys_by_record.setdefault(record, set()).add(key)
    return keys_by_record


def stored_edges(index) -> dict[tuple[int, int], float]:
    """Return the stored pairs."""
    with index.database.read(OPERATOR) as unit:
        return unit.derived_data.all_edges(index.config_id(unit))


def count_purged_blocks(index) -> int:
    """Count the keys that bring no pairs."""
    with index.database.read(OPERATOR) as unit:
        return len(unit.keys.purged_blocks.all(index.config_id(unit)))


def settle_in_order(index, contents: dict[int, int], withdrawn: list[int], seed: int):
    """Send records in a shuffled order, as single records and as files, and withdraw some on the way.

    Args:
        index: an empty index with the source ``sis``.
        contents: content of each record that stays, by number.
        withdrawn: numbers of records that come and go.
        seed: decides the order, and where the worker runs.

    Returns:
        The partition.
    """
    drawn = random.Random(seed)
    steps = [("put", number) for number in [*contents, *withdrawn]]
    drawn.shuffle(steps)
    for number in withdrawn:
        position = steps.index(("put", number))
        steps.insert(drawn.randint(position + 1, len(steps)), ("withdraw", number))
    while steps:
        kind, number = steps.pop(0)
        rows = [make_dense_child(number, contents.get(number, 0))]
        if kind == "withdraw":
            withdraw(index, OPERATOR, "sis", f"r{number}")
        elif drawn.random() < 0.2:
            while steps and steps[0][0] == "put" and drawn.random() < 0.9:
                number = steps.pop(0)[1]
                rows.append(make_dense_child(number, contents.get(number, 0)))
            load_rows(index, "sis", *rows, snapshot=Snapshot.DELTA, confirm=True)
        else:
            upsert(index, OPERATOR, "sis", rows[0])
        if drawn.random() < 0.2:
            finish_deferred_searches(index, OPERATOR)
    finish_deferred_searches(index, OPERATOR)
    return partition_of(index)
