"""Calibration: whether a weight means what it says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.clustering.component import Pair
from mpi.domain.weight import probability
from training.evaluate.measures.intervals import Figure, share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import pairs_within, same_person
from training.evaluate.model_clusters import Clusters, Weighed

TEN_THOUSAND = 10_000
_STEP, _HIGHEST = 2.5, 20.0


@dataclass(frozen=True, slots=True)
class Bucket:
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
    observed: Figure


def buckets(edges: Mapping[Pair, float], truth: Groups) -> list[Bucket]:
    """Candidate pairs by weight, the lightest first."""
    held: dict[float, list[tuple[float, bool]]] = {}
    for pair, bits in edges.items():
        low = min(math.floor(bits / _STEP) * _STEP, _HIGHEST)
        held.setdefault(low, []).append((probability(bits), same_person(truth, pair)))
    return [
        Bucket(
            low=low,
            pairs=len(pairs),
            expected=math.fsum(p for p, _ in pairs) / len(pairs),
            observed=share(sum(same for _, same in pairs), len(pairs)),
        )
        for low, pairs in sorted(held.items())
    ]


@dataclass(frozen=True, slots=True)
class FalseLinks:
    """False links in 10,000 linked pairs: as the weights expect, and as the truth has it."""

    expected: float
    observed: Figure


def false_links_expected(weighed: Weighed, clusters: Clusters, truth: Groups) -> FalseLinks:
    """Compare the two over every pair of records that share a person."""
    pairs = list(pairs_within(clusters))
    doubt = math.fsum(1 - probability(weighed.bits(*pair)) for pair in pairs)
    wrong = share(sum(not same_person(truth, pair) for pair in pairs), len(pairs))
    return FalseLinks(
        expected=TEN_THOUSAND * doubt / max(len(pairs), 1),
        observed=Figure(*(TEN_THOUSAND * value for value in (wrong.value, wrong.low, wrong.high))),
    )
