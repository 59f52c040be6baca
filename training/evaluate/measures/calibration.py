"""Calibration: whether a weight means what it says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.clustering.component import Pair
from mpi.domain.weight import compute_probability
from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import list_pairs, is_same_person
from training.evaluate.model_clusters import Clusters, ScoredRecords

LINKS = 10_000
_STEP, _HIGHEST = 2.5, 20.0


@dataclass(frozen=True, slots=True)
class WeightBucket:
    """Candidate pairs of about one weight.

    Args:
        low: lowest weight in bits; the bucket reaches to the next one's.
        pairs: how many.
        expected: share that the weights say match.
        observed: share that do.
    """

    low: float
    pairs: int
    expected: float
    observed: Estimate


def group_by_weight(edges: Mapping[Pair, float], truth: Groups) -> list[WeightBucket]:
    """Candidate pairs by weight, the lightest first."""
    held: dict[float, list[tuple[float, bool]]] = {}
    for pair, bits in edges.items():
        low = min(math.floor(bits / _STEP) * _STEP, _HIGHEST)
        held.setdefault(low, []).append((compute_probability(bits), is_same_person(truth, pair)))
    return [
        WeightBucket(
            low=low,
            pairs=len(pairs),
            expected=math.fsum(p for p, _ in pairs) / len(pairs),
            observed=estimate_share(sum(same for _, same in pairs), len(pairs)),
        )
        for low, pairs in sorted(held.items())
    ]


@dataclass(frozen=True, slots=True)
class FalseLinkRates:
    """False links in 10,000 linked pairs: as the weights expect, and as the truth has it."""

    expected: float
    observed: Estimate


def compare_false_links(weighed: ScoredRecords, clusters: Clusters, truth: Groups) -> FalseLinkRates:
    """Compare the two over every pair of records that share a person."""
    pairs = list(list_pairs(clusters))
    doubt = math.fsum(1 - compute_probability(weighed.weight(*pair)) for pair in pairs)
    wrong = estimate_share(sum(not is_same_person(truth, pair) for pair in pairs), len(pairs))
    return FalseLinkRates(
        expected=LINKS * doubt / max(len(pairs), 1),
        observed=Estimate(*(LINKS * value for value in (wrong.value, wrong.low, wrong.high))),
    )
