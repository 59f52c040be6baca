"""Strength of evidence in words, by one scale.

The scale is that of R. E. Kass and A. E. Raftery, "Bayes Factors", Journal of the American Statistical
Association 90 (1995), page 777. Its limits are odds of 3, 20 and 150 to 1. Their first two grades, "not worth
more than a bare mention" and "positive", are called weak and moderate here. The odds are those that two
records are one child, or that they are two children.
"""

import math
from enum import StrEnum


class Strength(StrEnum):
    """Strength of the evidence for one child, or for two."""

    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"
    VERY_STRONG = "very strong"


class LikelyAnswer(StrEnum):
    """Which answer the evidence makes more likely."""

    SAME = "same"
    DIFFERENT = "different"


MIN_ODDS = {Strength.VERY_STRONG: 150.0, Strength.STRONG: 20.0, Strength.MODERATE: 3.0, Strength.WEAK: 1.0}
"""Lowest odds of each strength, the strongest first."""
_MIN_BITS = {strength: math.log2(odds) for strength, odds in MIN_ODDS.items()}
_LOG10_OF_2 = math.log10(2)
_MAX_ODDS_DIGITS = 6


def grade_strength(match_weight: float) -> Strength:
    """Return how strong the evidence is that a match weight stands for.

    A weight and its negative are equally strong, for opposite answers.

    Args:
        match_weight: in bits, prior included.
    """
    bits = abs(match_weight)
    return next(strength for strength, least in _MIN_BITS.items() if bits >= least)


def find_likely_answer(match_weight: float) -> LikelyAnswer:
    """Return which answer a match weight makes more likely."""
    return LikelyAnswer.SAME if match_weight >= 0 else LikelyAnswer.DIFFERENT


def round_odds(match_weight: float) -> int:
    """Return the odds of the likelier answer, rounded to two digits.

    Args:
        match_weight: in bits, prior included.

    Returns:
        The first number of odds such as 150 to 1; at most a million.
    """
    digits = min(abs(match_weight) * _LOG10_OF_2, _MAX_ODDS_DIGITS)
    odds = 10**digits
    return round(round(odds, 1 - math.floor(digits)))
