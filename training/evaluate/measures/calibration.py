"""Calibration: expected against observed matches by match weight."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.clustering.component import Pair
from mpi.domain.weight import compute_probability
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.pair_errors import is_same_person, list_pairs
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import Clusters, ScoredRecords

LINKS = 10_000
_STEP, _HIGHEST = 2.5, 20.0


@dataclass(frozen=True, slots=True)
class WeightBucket:
    """Candidate pairs of similar match weight, to check calibration.

    Args:
        low: lowest weight in bits; the bucket reaches to the next one's.
        pairs: number of pairs.
        expected: share of matches by the weights.
        observed: share of matches by the truth.
    """

    low: float
    pairs: int
    expected: float
    observed: IntervalEstimate


def group_by_weight(edges: Mapping[Pair, float], truth: Groups) -> list[WeightBucket]:
    """Group candidate pairs into buckets of weight, lightest first."""
    pairs_by_bucket: dict[float, list[tuple[float, bool]]] = {}
    for pair, bits in edges.items():
        low = min(math.floor(bits / _STEP) * _STEP, _HIGHEST)
        pairs_by_bucket.setdefault(low, []).append((compute_probability(bits), is_same_person(truth, pair)))
    return [
        WeightBucket(
            low=low,
            pairs=len(pairs),
            expected=math.fsum(p for p, _ in pairs) / len(pairs),
            observed=estimate_share(sum(same for _, same in pairs), len(pairs)),
        )
        for low, pairs in sorted(pairs_by_bucket.items())
    ]


@dataclass(frozen=True, slots=True)
class FalseLinkRates:
    """False links per 10,000 linked pairs, expected and observed."""

    expected: float
    observed: IntervalEstimate


def compare_false_links(scored: ScoredRecords, clusters: Clusters, truth: Groups) -> FalseLinkRates:
    """Compare expected and observed false links over all linked pairs."""
    pairs = list(list_pairs(clusters))
    expected = math.fsum(1 - compute_probability(scored.weight(*pair)) for pair in pairs)
    observed = estimate_share(sum(not is_same_person(truth, pair) for pair in pairs), len(pairs))
    return FalseLinkRates(
        expected=LINKS * expected / max(len(pairs), 1),
        observed=IntervalEstimate(
            *(LINKS * value for value in (observed.value, observed.low, observed.high))
        ),
    )
