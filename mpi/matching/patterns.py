"""Patterns: the one way in which two records differ that are else alike, by the model's own levels.

A feed that writes every birth date a day too early brings hundreds of pairs that differ in that alone. Who
has looked at twenty of them need not look at the rest one by one, so such pairs bear the same pattern.
"""

from mpi.domain.features import Features
from mpi.matching.levels import NULL_LEVEL, Comparison
from mpi.matching.scorer import Scorer, level_bits

AGAINST_BITS = 4.0
"""A comparison that takes as much as this from the weight tells of another child, not of a slip."""
CORRECTING_BITS = 7.0
"""The same of a comparison that can only take, such as one for twins: that all share a home is no news."""
OFTEN = 0.1
"""From this share of true pairs on, a level is one of the ways in which records of one child agree."""


def pattern(scorer: Scorer, left: Features, right: Features) -> str | None:
    """How two records differ, ``comparison: level``; None where no slip tells it.

    Of the comparisons at a level that still speaks for one child, though records of one child are seldom at
    it, the one counts that loses most against being equal. A pair that a caution holds down has no pattern,
    nor one of which a comparison speaks clearly against.

    Args:
        scorer: the model.
        left: one record.
        right: the other.
    """
    scored = scorer.score(left, right)
    if scored.caution is not None:
        return None
    slips: list[tuple[float, str]] = []
    for comparison, value in zip(scorer.levels.comparisons, scored.levels, strict=True):
        if value == NULL_LEVEL:
            continue
        equal = max(comparison.levels, key=lambda each: each.value)
        level = next(each for each in comparison.levels if each.value == value)
        bits = level_bits(level)
        if bits <= -_against(comparison):
            return None
        if level is not equal and bits > 0 and level.m is not None and level.m < OFTEN:
            slips.append((level_bits(equal) - bits, f"{comparison.name}: {level.label}"))
    return max(slips)[1] if slips else None


def _against(comparison: Comparison) -> float:
    speaks = any(level_bits(level) > 0 for level in comparison.levels)
    return AGAINST_BITS if speaks else CORRECTING_BITS
