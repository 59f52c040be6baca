"""Propose blocking keys to stop because too many records share them.

The plan estimates how many comparisons a stop saves and how many links it loses. A key is stopped for
everybody, as another configuration, by a re-cluster that a person has read and applied; never by a request
(law 1).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import comb

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.standardize.shared_values import SharedValues
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLE_BLOCKS = 100
"""Number of largest blocks from which pairs are sampled."""
SAMPLE_PAIRS = 300
"""Number of pairs sampled from each block.

The key is the random seed.
"""


@dataclass(frozen=True, slots=True)
class StopListPlan:
    """Planned stop list: blocking keys that are too common to compare by.

    Args:
        lists: the lists of shared values in force, with these keys stopped.
        stopped: number of keys on the list.
        added: number of keys that the list in force lacks.
        largest: number of records that share the most common added key.
        pairs: number of pairs that the added keys bring.
        saved: estimated number of these pairs that no other key brings, and that would no longer be compared.
        lost: estimated number of saved pairs with a weight for a link or a review.
    """

    lists: SharedValues = field(repr=False)
    stopped: int
    added: int
    largest: int
    pairs: int
    saved: int
    lost: int


def plan_stop_list(index: Index, viewer: Viewer, limit: int) -> StopListPlan:
    """Plan to stop every blocking key that too many records share.

    Keys that are stopped already stay stopped. Nothing is changed.

    Args:
        index: the open index.
        viewer: who asks.
        limit: largest number of records that may share a key; 0 empties the stop list.

    Raises:
        AccessDenied: the viewer may not re-cluster.
    """
    require_permission(viewer, Action.RECLUSTER)
    with index.database.read(viewer) as unit:
        config_id = index.config_id(unit)
        lists = index.shared_values_of(unit, config_id)
        if not limit:
            return StopListPlan(
                lists=replace(lists, stopped=frozenset()),
                stopped=0,
                added=0,
                largest=0,
                pairs=0,
                saved=0,
                lost=0,
            )
        blocks = unit.keys.large_keys(config_id, limit)
        stopped_keys = lists.stopped | {key for key, _ in blocks}
        remaining_blocking = index.matcher.model.blocking.with_stopped_keys(stopped_keys)
        pair_count = sum(comb(size, 2) for _, size in blocks)
        sums = _SampleSums()
        for key, size in blocks[:SAMPLE_BLOCKS]:
            sums.add(comb(size, 2), _measure_block(unit, index, remaining_blocking, config_id, key))
    scale = pair_count / sums.pairs if sums.pairs else 0.0
    return StopListPlan(
        lists=replace(lists, stopped=stopped_keys),
        stopped=len(stopped_keys),
        added=len(blocks),
        largest=max((size for _, size in blocks), default=0),
        pairs=pair_count,
        saved=round(sums.saved * scale),
        lost=round(sums.lost * scale),
    )


@dataclass(slots=True)
class _SampleSums:
    """Sums over blocking keys sampled for a planned stop list."""

    pairs: int = 0
    saved: float = 0.0
    lost: float = 0.0

    def add(self, pairs: int, shares: tuple[float, float]) -> None:
        """Add one blocking key's number of pairs, weighted by its shares.

        The shares are of pairs that no other key brings, and of those that would be lost matches.
        """
        self.pairs += pairs
        self.saved += pairs * shares[0]
        self.lost += pairs * shares[1]


def _measure_block(
    unit: ReadUnit, index: Index, remaining_blocking: BlockingSpec, config_id: int, key: int
) -> tuple[float, float]:
    """Estimate which shares of pairs stopping a key saves and loses.

    Saved pairs share no other key; lost pairs are those that weigh enough for a link or a review.
    """
    members = sorted(
        {record for _, record in unit.keys.find_records(config_id, unit.sources.group_ids(), [key])}
    )
    pairs = _draw_pairs(members, key)
    features = load_features(unit, config_id, {end for pair in pairs for end in pair})
    keys_of = {
        record: set(compute_keys(record_features, remaining_blocking, index.keyed_hash))
        for record, record_features in features.items()
    }
    review = index.matcher.model.thresholds.storage_floor
    lost_candidates = [
        (first_record, second_record)
        for first_record, second_record in pairs
        if not keys_of[first_record] & keys_of[second_record]
    ]
    lost_count = sum(
        index.matcher.scorer.weigh(features[first_record], features[second_record]) >= review
        for first_record, second_record in lost_candidates
    )
    return len(lost_candidates) / len(pairs), lost_count / len(pairs)


def _draw_pairs(members: Sequence[int], key: int) -> list[tuple[int, int]]:
    """Draw distinct pairs of records that share a blocking key.

    All pairs, if there are few.
    """
    if comb(len(members), 2) <= SAMPLE_PAIRS:
        return [
            (first_record, second_record)
            for position, first_record in enumerate(members)
            for second_record in members[position + 1 :]
        ]
    random_source = random.Random(key)  # noqa: S311 - a sample, not a secret
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < SAMPLE_PAIRS:
        first_record, second_record = random_source.sample(members, 2)
        pairs.add((min(first_record, second_record), max(first_record, second_record)))
    return sorted(pairs)
