"""The prior of the records at hand, by which two sources a pair is of, for a partition for research.

A match weight holds the prior of the index that its model was fitted for. Here it is replaced: each pair of
sources, one with itself included, has a share of its record pairs that match, told without labels. Two files
that each list a person once so overlap a good deal with each other and hardly with themselves, whatever the
weights say of twins. The enterprise IDs know nothing of this: no count may enter their partition.
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
"""Two source codes, the lower first; the same twice for pairs within a source."""

MIN_CANDIDATE_BITS = -10.0
"""Pairs of less than one match in 1,000 are left out of the count."""

_PSEUDO_MATCHES = 1.0
"""A match, at the share of all pairs of records, that every two sources are held to have shown besides: two
of so few records that nothing can be told of them keep that share."""
_CONVERGENCE_BITS = 1e-3
_MAX_ITERATIONS = 200
_MAX_SHARE = 0.5
_BITS_LIMIT = 200.0  # bits beyond which a double holds no other probability than 0 or 1


@dataclass(frozen=True, slots=True)
class SourcePairPriors:
    """By how much pairs weigh more or less than the model says.

    Args:
        source_of: code of each record's source.
        shifts: bits to add, by pair of sources; empty for none.
    """

    source_of: Mapping[int, str] = field(default_factory=dict, repr=False)
    shifts: Mapping[SourcePair, float] = field(default_factory=dict)

    def get_shift(self, left: int, right: int) -> float:
        """Bits to add to a pair's weight."""
        return self.shifts[_order_sources(self.source_of, left, right)] if self.shifts else 0.0

    def shift_weight(self, left: int, right: int, bits: float) -> float:
        """The weight of a pair, rounded, that the model gives so many bits."""
        return round_weight(bits + self.get_shift(left, right))

    def shift_weights(self, edges: Mapping[Pair, float]) -> Mapping[Pair, float]:
        """The weights of pairs whose records all have a source."""
        if not self.shifts:
            return edges
        return {(left, right): self.shift_weight(left, right, bits) for (left, right), bits in edges.items()}


MODEL_PRIORS = SourcePairPriors()
"""The model's own prior for every pair."""


def estimate_priors(edges: Mapping[Pair, float], source: Mapping[int, str], prior: float) -> SourcePairPriors:
    """Estimate what share of the pairs of each two sources match.

    The expected number of matches among the candidates follows from the share, and the share from that
    number: iterated until they agree (expectation maximisation of the prior alone: Saerens, Latinne and
    Decaestecker 2002). The evidence keeps its weight. That each two files have an overlap of their own, and
    each file its own share of duplicates, is the multifile model of Aleshin-Guendel and Sadinle (2023).

    Args:
        edges: bits of the candidate pairs from ``MIN_CANDIDATE_BITS`` up.
        source: code of the source of every record.
        prior: the model's probability that two random records match.
    """
    sizes = Counter(source.values())
    classes = list(combinations_with_replacement(sorted(sizes), 2))
    if not classes:
        return MODEL_PRIORS
    place = {sources: number for number, sources in enumerate(classes)}
    pairs = np.array([_count_pairs(sizes, *sources) for sources in classes], dtype=np.float64)
    held = np.fromiter((place[_order_sources(source, *edge)] for edge in edges), np.int64, len(edges))
    evidence = np.fromiter(edges.values(), np.float64, len(edges)) - _compute_log_odds(prior)
    order = np.lexsort((evidence, held))  # a sum depends on its order, and nothing may depend on the records'
    held, evidence = held[order], evidence[order]
    (of_all,) = _estimate_shares(evidence, np.zeros_like(held), pairs.sum(keepdims=True), prior)
    shifts = _compute_log_odds(_estimate_shares(evidence, held, pairs, of_all)) - _compute_log_odds(prior)
    return SourcePairPriors(source, dict(zip(classes, np.round(shifts, WEIGHT_DECIMALS).tolist(), strict=True)))


def _estimate_shares(evidence: FloatArray, held: IndexArray, pairs: FloatArray, prior: float) -> FloatArray:
    """The share of matches in each class.

    Args:
        evidence: bits of each candidate without a prior.
        held: the class of each candidate.
        pairs: how many pairs of records each class has, candidates or not.
        prior: share to begin with, which a class of few pairs keeps.
    """
    shares = np.full(len(pairs), prior)
    for _ in range(_MAX_ITERATIONS):
        bits = np.clip(evidence + _compute_log_odds(shares)[held], -_BITS_LIMIT, _BITS_LIMIT)
        matches = np.bincount(held, weights=1.0 / (1.0 + np.exp2(-bits)), minlength=len(pairs))
        told = np.minimum((matches + _PSEUDO_MATCHES) / (pairs + _PSEUDO_MATCHES / prior), _MAX_SHARE)
        moved = float(np.abs(np.log2(told / shares)).max())
        shares = told
        if moved < _CONVERGENCE_BITS:
            break
    return shares


def _count_pairs(sizes: Mapping[str, int], one: str, other: str) -> int:
    return math.comb(sizes[one], 2) if one == other else sizes[one] * sizes[other]


def _order_sources(source: Mapping[int, str], left: int, right: int) -> SourcePair:
    one, other = source[left], source[right]
    return (one, other) if one <= other else (other, one)


def _compute_log_odds(share: npt.ArrayLike) -> FloatArray:
    shares = np.asarray(share, dtype=np.float64)
    return np.asarray(np.log2(shares / (1.0 - shares)))
