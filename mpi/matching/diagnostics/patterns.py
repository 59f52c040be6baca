"""Patterns: the one way in which two records differ that are else alike, by the model's own levels.

A feed that writes every birth date a day too early brings hundreds of pairs that differ in that alone. Who
has looked at twenty of them need not look at the rest one by one, so such pairs bear the same pattern.
"""

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import OnlineScorer, compute_level_bits
from mpi.matching.model.levels import NULL_LEVEL, ComparisonLevel

OPPOSING_BITS = 4.0
"""A comparison that takes as much as this from the weight tells of another child, not of a slip."""
OPPOSING_CORRECTION_BITS = 7.0
"""The same of a comparison that can only take, such as one for twins: that all share a home is no news."""
SLIP_BITS = 2.0
"""A slip takes less than this: it is about as likely of one child as of two."""
MAX_ERROR_SHARE = 0.1
"""From this share of true pairs on, a level is one of the ways in which records of one child agree."""
MIN_EQUAL_SHARE = 0.5
"""From this share on, records of one child are mostly equal, so that not being so tells of something."""


def find_error_pattern(scorer: OnlineScorer, left: Features, right: Features) -> str | None:
    """How two records differ, ``comparison: level``; None where no slip tells it.

    Of the comparisons in which records of one child are mostly equal, and these two are at a level between
    equal and different, the one counts that loses most by it. A pair that a caution holds down has no
    pattern, nor one of which a comparison speaks clearly against.

    Args:
        scorer: the model.
        left: one record.
        right: the other.
    """
    scored = scorer.score(left, right)
    if scored.caution is not None:
        return None
    slips: list[tuple[float, str]] = []
    for comparison, value in zip(scorer.parameters.comparisons, scored.levels, strict=True):
        if value == NULL_LEVEL:
            continue
        level = next(each for each in comparison.levels if each.value == value)
        equal = max(comparison.levels, key=lambda each: each.value)
        bits, most = compute_level_bits(level), compute_level_bits(equal)
        if bits <= -(OPPOSING_BITS if most > 0 else OPPOSING_CORRECTION_BITS):
            return None
        if most > 0 and level is not equal and value > 0 and bits > -SLIP_BITS and _is_informative(equal, level):
            slips.append((most - bits, f"{comparison.name}: {level.label}"))
    return max(slips)[1] if slips else None


def _is_informative(equal: ComparisonLevel, level: ComparisonLevel) -> bool:
    return (equal.m or 0.0) >= MIN_EQUAL_SHARE and (level.m or 0.0) < MAX_ERROR_SHARE
