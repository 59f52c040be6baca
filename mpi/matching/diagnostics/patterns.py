"""Error patterns: the one way in which two similar records differ.

A feed that writes every birth date a day too early brings hundreds of pairs that differ in that alone. A
steward who has looked at twenty of them need not look at the rest one by one, so such pairs share a
pattern. The model's own comparison levels define it.
"""

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import OnlineScorer, compute_level_bits
from mpi.matching.model.scoring_parameters import NULL_LEVEL, ComparisonLevel

OPPOSING_BITS = 4.0
"""Negative weight, in bits, that indicates another child, not an error."""
OPPOSING_CORRECTION_BITS = 7.0
"""Like ``OPPOSING_BITS``, for comparisons that can only lower a weight.

One such is for twins, who always share a home.
"""
SLIP_BITS = 2.0
"""Most negative weight of an error, in bits.

An error is about as likely of one child as of two.
"""
MAX_ERROR_SHARE = 0.1
"""Share of matches from which a level is normal agreement, not an error."""
MIN_EQUAL_SHARE = 0.5
"""Share of matches with equal values from which a difference is informative."""


def find_error_pattern(scorer: OnlineScorer, left: Features, right: Features) -> str | None:
    """Return the one error in which two records differ, if any.

    It is found among the comparisons in which matches are mostly equal, and these two records are at a
    level between equal and different: the one with the largest loss of weight counts. A pair that a caution
    caps has no pattern, nor has one with a clearly negative comparison.

    Args:
        scorer: scorer of the model.
        left: features of one record.
        right: features of the other.

    Returns:
        ``comparison: level``, or None.
    """
    scored = scorer.score(left, right)
    if scored.caution is not None:
        return None
    errors: list[tuple[float, str]] = []
    for comparison, value in zip(scorer.parameters.comparisons, scored.levels, strict=True):
        if value == NULL_LEVEL:
            continue
        level = next(candidate for candidate in comparison.levels if candidate.value == value)
        equal_level = max(comparison.levels, key=lambda candidate: candidate.value)
        bits, equal_bits = compute_level_bits(level), compute_level_bits(equal_level)
        if bits <= -(OPPOSING_BITS if equal_bits > 0 else OPPOSING_CORRECTION_BITS):
            return None
        if (
            equal_bits > 0
            and level is not equal_level
            and value > 0
            and bits > -SLIP_BITS
            and _is_informative(equal_level, level)
        ):
            errors.append((equal_bits - bits, f"{comparison.name}: {level.label}"))
    return max(errors)[1] if errors else None


def _is_informative(equal_level: ComparisonLevel, level: ComparisonLevel) -> bool:
    """Return whether a comparison level is rare where matches are mostly equal."""
    return (equal_level.m or 0.0) >= MIN_EQUAL_SHARE and (level.m or 0.0) < MAX_ERROR_SHARE
