"""Estimated match priors for each pair of sources, for research partitions.

A match weight includes the prior of the index that its model was fitted for. Here that prior is replaced.
Each pair of sources, one with itself included, has its own share of matching record pairs, estimated
without labels. Two files that each list a person once thus overlap much with each other and hardly with
themselves, whatever the weights of twins are. Enterprise IDs do not use these priors: no count may enter
their partition.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from mpi.clustering.component import Pair
from mpi.domain.weight import WEIGHT_DECIMALS, round_weight

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

SourcePair = tuple[str, str]
"""Two source codes, the lower first; equal for pairs within a source."""

MIN_CANDIDATE_BITS = -10.0
"""Lowest weight of a pair that counts: one match in 1,000."""

_PSEUDO_MATCHES = 1.0
"""Pseudo-count of matches added to each pair of sources.

It is added at the share of all record pairs, so that two sources of very few records keep that share.
"""
_CONVERGENCE_BITS = 1e-3
_MAX_ITERATIONS = 200
_MAX_SHARE = 0.5
_BITS_LIMIT = 200.0  # bits beyond which a double holds no other probability than 0 or 1
"""Weight in bits beyond which a double holds only probability 0 or 1."""


@dataclass(frozen=True, slots=True)
class SourcePairPriors:
    """Corrections of match weights, in bits, by pair of sources.

    Args:
        source_of: code of each record's source.
        shifts: bits to add, by pair of sources; empty for none.
    """

    source_of: Mapping[int, str] = field(default_factory=dict, repr=False)
    shifts: Mapping[SourcePair, float] = field(default_factory=dict)

    def get_shift(self, left: int, right: int) -> float:
        """Return the correction of a pair's weight for its two sources."""
        return self.shifts[_order_sources(self.source_of, left, right)] if self.shifts else 0.0

    def shift_weight(self, left: int, right: int, bits: float) -> float:
        """Return the corrected weight of a pair, rounded."""
        return round_weight(bits + self.get_shift(left, right))

    def shift_weights(self, edges: Mapping[Pair, float]) -> Mapping[Pair, float]:
        """Return the corrected weights of pairs whose records all have sources."""
        if not self.shifts:
            return edges
        return {(left, right): self.shift_weight(left, right, bits) for (left, right), bits in edges.items()}


MODEL_PRIORS = SourcePairPriors()
"""The model's own prior for every pair."""


def estimate_priors(
    edges: Mapping[Pair, float], source_of: Mapping[int, str], prior: float
) -> SourcePairPriors:
    """Estimate the share of matching pairs for each two sources.

    The expected number of matches among the candidates follows from the share, and the share from that
    number: iterated until they agree (expectation maximization of the prior alone: Saerens, Latinne and
    Decaestecker 2002). The evidence keeps its weight. That each two files have an overlap of their own, and
    each file its own share of duplicates, is the multifile model of Aleshin-Guendel and Sadinle (2023).

    Args:
        edges: bits of the candidate pairs from ``MIN_CANDIDATE_BITS`` up.
        source_of: code of the source of every record.
        prior: the model's probability that two random records match.
    """
    sizes = Counter(source_of.values())
    classes = list(combinations_with_replacement(sorted(sizes), 2))
    if not classes:
        return MODEL_PRIORS
    class_number = {sources: number for number, sources in enumerate(classes)}
    pairs = np.array([_count_pairs(sizes, *sources) for sources in classes], dtype=np.float64)
    class_of = np.fromiter(
        (class_number[_order_sources(source_of, *edge)] for edge in edges), np.int64, len(edges)
    )
    evidence = np.fromiter(edges.values(), np.float64, len(edges)) - _compute_log_odds(prior)
    order = np.lexsort(
        (evidence, class_of)
    )  # a sum depends on its order, and nothing may depend on the records'
    class_of, evidence = class_of[order], evidence[order]
    (overall_share,) = _estimate_shares(evidence, np.zeros_like(class_of), pairs.sum(keepdims=True), prior)
    shifts = _compute_log_odds(
        _estimate_shares(evidence, class_of, pairs, overall_share)
    ) - _compute_log_odds(prior)
    return SourcePairPriors(
        source_of, dict(zip(classes, np.round(shifts, WEIGHT_DECIMALS).tolist(), strict=True))
    )


def _estimate_shares(
    evidence: FloatArray, class_of: IndexArray, pairs: FloatArray, prior: float
) -> FloatArray:
    """Estimate the share of matches among each source pair's record pairs.

    Args:
        evidence: bits of each candidate without a prior.
        class_of: class of each candidate.
        pairs: number of record pairs of each class, candidates or not.
        prior: share to begin with, which a class of few pairs keeps.
    """
    shares = np.full(len(pairs), prior)
    for _ in range(_MAX_ITERATIONS):
        bits = np.clip(evidence + _compute_log_odds(shares)[class_of], -_BITS_LIMIT, _BITS_LIMIT)
        matches = np.bincount(class_of, weights=1.0 / (1.0 + np.exp2(-bits)), minlength=len(pairs))
        estimates = np.minimum((matches + _PSEUDO_MATCHES) / (pairs + _PSEUDO_MATCHES / prior), _MAX_SHARE)
        largest_change = float(np.abs(np.log2(estimates / shares)).max())
        shares = estimates
        if largest_change < _CONVERGENCE_BITS:
            break
    return shares


def _count_pairs(sizes: Mapping[str, int], left_source: str, right_source: str) -> int:
    """Count the record pairs of two sources."""
    return (
        math.comb(sizes[left_source], 2)
        if left_source == right_source
        else sizes[left_source] * sizes[right_source]
    )


def _order_sources(source_of: Mapping[int, str], left: int, right: int) -> SourcePair:
    """Return the sources of two records, the lower code first."""
    left_source, right_source = source_of[left], source_of[right]
    return (left_source, right_source) if left_source <= right_source else (right_source, left_source)


def _compute_log_odds(share: npt.ArrayLike) -> FloatArray:
    """Return the base-2 logarithm of the odds of a share."""
    shares = np.asarray(share, dtype=np.float64)
    return np.asarray(np.log2(shares / (1.0 - shares)))
