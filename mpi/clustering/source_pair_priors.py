"""Match priors and rivals of the records at hand, for research partitions.

A match weight includes the prior of the index that its model was fitted for. Here that prior is replaced.
Each pair of sources, one with itself included, has its own share of matching record pairs, estimated
without labels. Two files that each list a person once thus overlap much with each other and hardly with
themselves, whatever the weights of twins are. Candidates of one record that are two people then share its
probability (``candidate_competition``). Enterprise IDs use neither: no count and no absence of another record
may enter their partition.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from mpi.clustering.candidate_competition import CandidateCompetition, measure_exclusiveness
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
_MAX_RIVAL_ITERATIONS = 30
_RIVAL_CONVERGENCE_BITS = 0.01
_LEAST_DISCOUNT_BITS = 1e-4
MAX_MATCHED = 0.95
"""Largest share of a source's records that is taken to match another source."""
_MAX_SHARE = 0.5
_BITS_LIMIT = 200.0  # bits beyond which a double holds no other probability than 0 or 1
"""Weight in bits beyond which a double holds only probability 0 or 1."""


@dataclass(frozen=True, slots=True)
class SourcePairPriors:
    """Corrections of match weights, in bits, by pair of sources.

    Args:
        source_of: code of each record's source.
        shifts: bits to add, by pair of sources; empty for none.
        rivals: bits that rivals take, by pair of records; pairs without rivals are missing.
    """

    source_of: Mapping[int, str] = field(default_factory=dict, repr=False)
    shifts: Mapping[SourcePair, float] = field(default_factory=dict)
    rivals: Mapping[Pair, float] = field(default_factory=dict, repr=False)

    def get_shift(self, left: int, right: int) -> float:
        """Return the correction of a pair's weight for its two sources."""
        return self.shifts[_order_sources(self.source_of, left, right)] if self.shifts else 0.0

    def shift_weight(self, left: int, right: int, bits: float) -> float:
        """Return the corrected weight of a pair, rounded."""
        return round_weight(bits + self.get_shift(left, right) + self.rivals.get((left, right), 0.0))

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
    if not classes or not edges:
        return MODEL_PRIORS
    class_number = {sources: number for number, sources in enumerate(classes)}
    pairs = np.array([_count_pairs(sizes, *sources) for sources in classes], dtype=np.float64)
    class_of = np.fromiter(
        (class_number[_order_sources(source_of, *edge)] for edge in edges), np.int64, len(edges)
    )
    evidence = np.fromiter(edges.values(), np.float64, len(edges)) - _compute_log_odds(prior)
    ends = np.array(list(edges), dtype=np.int64).reshape(len(edges), 2)
    # A sum depends on its order, and nothing may depend on the records'.
    order = np.lexsort((evidence, class_of))
    source_numbers = {source: number for number, source in enumerate(sorted(sizes))}
    candidates = _Candidates(
        ends[order],
        class_of[order],
        evidence[order],
        pairs,
        np.array([(source_numbers[left], source_numbers[right]) for left, right in classes], dtype=np.int64),
        np.array([sizes[source] for source in source_numbers], dtype=np.float64),
        np.array(
            [[source_numbers[source_of[end]] for end in edge] for edge in ends[order].tolist()],
            dtype=np.int64,
        ).reshape(len(edges), 2),
    )
    log_odds, discounts = _weigh_rivals(candidates, _estimate_first_shares(candidates, prior))
    shifts = log_odds - _compute_log_odds(prior)
    return SourcePairPriors(
        source_of,
        dict(zip(classes, np.round(shifts, WEIGHT_DECIMALS).tolist(), strict=True)),
        {
            (left, right): discount
            for (left, right), discount in zip(
                candidates.ends.tolist(), np.round(discounts, WEIGHT_DECIMALS).tolist(), strict=True
            )
            if discount <= -_LEAST_DISCOUNT_BITS
        },
    )


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Candidate pairs, and the record pairs that they stand for.

    Args:
        ends: both records of each candidate.
        class_of: class of each candidate: its two sources.
        evidence: bits of each candidate without a prior.
        pairs: number of record pairs of each class, candidates or not.
        class_sources: numbers of the two sources of each class.
        source_sizes: number of records of each source.
        sources: number of the source of both records of each candidate.
    """

    ends: IndexArray
    class_of: IndexArray
    evidence: FloatArray
    pairs: FloatArray
    class_sources: IndexArray
    source_sizes: FloatArray
    sources: IndexArray

    def measure_exclusiveness(self, shares: FloatArray) -> FloatArray:
        """Return by source how probably a record has no duplicate in it."""
        is_within = self.class_sources[:, 0] == self.class_sources[:, 1]
        duplicates = np.zeros(len(self.source_sizes))
        duplicates[self.class_sources[is_within, 0]] = (shares * self.pairs)[is_within]
        return measure_exclusiveness(duplicates, self.source_sizes)

    def compute_prior_bits(self, shares: FloatArray) -> FloatArray:
        """Return each class's prior log-odds against no match at all.

        The share of matches counts pairs whose records match others too. Where most records of a list match
        one record of another, a record that has no other candidate hardly stays without a match.
        """
        exclusiveness, matches = self.measure_exclusiveness(shares), shares * self.pairs
        one, other = self.class_sources[:, 0], self.class_sources[:, 1]
        ends = np.where(one == other, 2.0, 1.0)
        matched = [
            np.minimum(ends * matches / self.source_sizes[own], MAX_MATCHED) * exclusiveness[opposite]
            for own, opposite in ((one, other), (other, one))
        ]
        return np.asarray(_compute_log_odds(shares) - np.log2(1 - matched[0]) - np.log2(1 - matched[1]))


def _estimate_first_shares(candidates: _Candidates, prior: float) -> FloatArray:
    """Estimate the share of matches of each class, before rivals are weighed."""
    evidence, class_of, pairs = candidates.evidence, candidates.class_of, candidates.pairs
    (overall_share,) = _estimate_shares(evidence, np.zeros_like(class_of), pairs.sum(keepdims=True), prior)
    return _estimate_shares(evidence, class_of, pairs, overall_share)


def _weigh_rivals(candidates: _Candidates, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return prior log-odds by class, and bits lost to rivals.

    Strangers of one name are rivals of each other, so that the shares fall when rivals count.
    """
    class_of, left, right = candidates.class_of, candidates.ends[:, 0], candidates.ends[:, 1]
    overall_share = float((shares * candidates.pairs).sum() / max(candidates.pairs.sum(), 1.0))
    bits = candidates.evidence + _compute_log_odds(shares)[class_of]
    sources = candidates.sources[:, 0], candidates.sources[:, 1]
    competition = CandidateCompetition(left, right, bits, sources)
    for _ in range(_MAX_RIVAL_ITERATIONS):
        weighed = np.clip(
            competition.discount(bits, candidates.measure_exclusiveness(shares)), -_BITS_LIMIT, _BITS_LIMIT
        )
        matches = np.bincount(
            class_of, weights=1.0 / (1.0 + np.exp2(-weighed)), minlength=len(candidates.pairs)
        ).astype(np.float64)
        estimates = _divide_matches(matches, candidates.pairs, overall_share)
        largest_change = float(np.abs(np.log2(estimates / shares)).max())
        shares = estimates
        bits = candidates.evidence + candidates.compute_prior_bits(shares)[class_of]
        if largest_change < _RIVAL_CONVERGENCE_BITS:
            break
    competition = CandidateCompetition(left, right, bits, sources)
    discounts = competition.discount(bits, candidates.measure_exclusiveness(shares)) - bits
    return candidates.compute_prior_bits(shares), discounts


def _divide_matches(matches: FloatArray, pairs: FloatArray, prior: float) -> FloatArray:
    """Return shares of matches, drawn to the prior by few pairs."""
    return np.asarray(np.minimum((matches + _PSEUDO_MATCHES) / (pairs + _PSEUDO_MATCHES / prior), _MAX_SHARE))


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
        probabilities = 1.0 / (1.0 + np.exp2(-bits))
        matches = np.bincount(class_of, weights=probabilities, minlength=len(pairs)).astype(np.float64)
        estimates = _divide_matches(matches, pairs, prior)
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
