"""Shares of comparison levels among pairs, beside those of a model.

A model weighs a level by two shares: that of the pairs of one person (m) and that of the pairs of two (u).
Linked pairs show the first, and random pairs the second. Weights that a model fixes have no share.
"""

from __future__ import annotations

from collections import Counter
from math import log2, sqrt
from typing import TYPE_CHECKING

import numpy as np

from mpi.domain.features import Features
from mpi.matching.model.data_profile import FAR_OFF, LEAST_RECORDS, ProfileDifference

if TYPE_CHECKING:  # a page of figures needs no scorer, and so not Splink
    from collections.abc import Iterable, Iterator, Sequence

    from mpi.matching.compiler.online_scorer import OnlineScorer
    from mpi.matching.model.match_model import MatchModel
    from mpi.matching.model.scoring_parameters import Comparison, ComparisonLevel

FAR_OFF_BITS = 2.0
"""Least change of a level's weight that is reported for random pairs, in bits."""
LEAST_STRANGERS = 5
"""Fewest strangers of one record at a level whose share does not follow from the size of the index.

Fewer are relatives, or people of one home: their share of all pairs halves when the index doubles.
"""
RANDOM_PAIRS = 20_000
"""Random pairs that are compared."""
LINKED_PAIRS = 2_000
"""Linked pairs that are compared at most."""
_FIXED_SHARE = 0.5

FeaturePair = tuple[Features, Features]


def draw_pairs(records: Sequence[Features], count: int = RANDOM_PAIRS) -> Iterator[FeaturePair]:
    """Yield random pairs of different records, always the same ones."""
    drawn = np.random.default_rng(0).integers(max(len(records), 1), size=(count, 2))
    return ((records[left], records[right]) for left, right in drawn.tolist() if left != right)


def find_level_differences(
    model: MatchModel, scorer: OnlineScorer, linked: Iterable[FeaturePair], random: Iterable[FeaturePair]
) -> list[ProfileDifference]:
    """List the comparison levels whose shares are far from the model's.

    Args:
        model: the model.
        scorer: scorer of the model.
        linked: pairs that the model links.
        random: random pairs; those that the model does not keep apart are left out.
    """
    matches, _ = _count_levels(scorer, linked)
    strangers, count = _count_levels(scorer, random, below=model.thresholds.review)
    differences: list[ProfileDifference] = []
    for comparison, of_matches, of_strangers in zip(
        scorer.parameters.comparisons, matches, strangers, strict=True
    ):
        levels = [level for level in comparison.levels if _is_learned(level)]
        differences += _compare_matches(comparison, levels, of_matches)
        if count >= LEAST_RECORDS:
            differences += _compare_strangers(comparison, levels, of_strangers, model.index_size)
    return differences


def _count_levels(
    scorer: OnlineScorer, pairs: Iterable[FeaturePair], below: float = np.inf
) -> tuple[list[Counter[int]], int]:
    """Count the levels of pairs by comparison, and the pairs.

    Args:
        scorer: scorer of the model.
        pairs: the pairs.
        below: weight from which a pair does not count, in bits.
    """
    counts: list[Counter[int]] = [Counter() for _ in scorer.parameters.comparisons]
    total = 0
    for left, right in pairs:
        score = scorer.score(left, right)
        if score.bits < below:
            total += 1
            for of_comparison, value in zip(counts, score.levels, strict=True):
                of_comparison[value] += 1
    return counts, total


def _is_learned(level: ComparisonLevel) -> bool:
    """Return whether a level's m and u are shares that were learned.

    A fit writes a fixed weight as two numbers of which the larger is one half.
    """
    return level.m is not None and level.u is not None and max(level.m, level.u) != _FIXED_SHARE


def _compare_matches(
    comparison: Comparison, levels: Sequence[ComparisonLevel], counts: Counter[int]
) -> Iterator[ProfileDifference]:
    """Yield levels whose share of linked pairs is far from m."""
    total = sum(counts[level.value] for level in levels)
    expected = sum(level.m or 0.0 for level in levels)
    if total < LEAST_RECORDS or not expected:
        return
    for level in levels:
        fitted, observed = (level.m or 0.0) / expected, counts[level.value] / total
        if abs(fitted - observed) >= FAR_OFF:
            yield ProfileDifference(f"{comparison.name}: {level.label}", "matches", fitted, observed)


def _compare_strangers(
    comparison: Comparison, levels: Sequence[ComparisonLevel], counts: Counter[int], index_size: int
) -> Iterator[ProfileDifference]:
    """Yield levels whose share of random pairs would change their weight much."""
    total = sum(counts[level.value] for level in levels)
    for level in levels:
        fitted = level.u or 0.0
        if total < LEAST_RECORDS or fitted * index_size < LEAST_STRANGERS:
            continue
        if _measure_bits(counts[level.value], total * fitted) >= FAR_OFF_BITS:
            yield ProfileDifference(
                f"{comparison.name}: {level.label}", "strangers", fitted, counts[level.value] / total
            )


def _measure_bits(count: int, expected: float) -> float:
    """Return the least distance of a count from the expected, in bits.

    The limits of a count are those of Poisson's distribution at 95 %, by its square root.
    """
    if count > expected:
        low = max(sqrt(count) - 1, 0.0) ** 2
        return log2(low / expected) if low > expected else 0.0
    high = (sqrt(count + 1) + 1) ** 2
    return log2(expected / high) if high < expected else 0.0
