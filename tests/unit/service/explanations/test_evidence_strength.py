import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.service.explanations.evidence_strength import (
    MIN_ODDS,
    LikelyAnswer,
    Strength,
    find_likely_answer,
    grade_strength,
    round_odds,
)

WEIGHTS = st.floats(-80, 80)


@pytest.mark.parametrize(
    ("odds", "strength"),
    [
        (1, Strength.WEAK),
        (2.9, Strength.WEAK),
        (3.1, Strength.MODERATE),
        (19.9, Strength.MODERATE),
        (20.1, Strength.STRONG),
        (149, Strength.STRONG),
        (151, Strength.VERY_STRONG),
        (1e9, Strength.VERY_STRONG),
    ],
)
def test_strength_words_follow_the_scale_of_kass_and_raftery(odds, strength):
    assert grade_strength(math.log2(odds)) is strength
    assert grade_strength(-math.log2(odds)) is strength


@given(WEIGHTS, WEIGHTS)
def test_more_evidence_is_never_called_weaker(first, second):
    order = list(MIN_ODDS)
    low, high = sorted((abs(first), abs(second)))
    assert order.index(grade_strength(high)) <= order.index(grade_strength(low))


@given(WEIGHTS)
def test_the_likelier_answer_has_at_least_even_odds(weight):
    expected = LikelyAnswer.SAME if weight >= 0 else LikelyAnswer.DIFFERENT
    assert find_likely_answer(weight) is expected
    assert 1 <= round_odds(weight) <= 1_000_000


@pytest.mark.parametrize(("weight", "odds"), [(0, 1), (2.7575, 7), (4, 16), (7.3, 160), (27.9, 1_000_000)])
def test_odds_have_two_digits(weight, odds):
    assert round_odds(weight) == odds
