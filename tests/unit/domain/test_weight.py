import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.weight import Band, Thresholds, compute_probability, round_weight

BITS = st.floats(-40, 40)


@given(BITS)
def test_weight_and_probability_are_equivalent(bits):
    chance = compute_probability(bits)
    assert math.isclose(math.log2(chance / (1 - chance)), bits, abs_tol=1e-3)


@given(BITS, BITS)
def test_more_bits_never_mean_less_probability(first, second):
    low, high = sorted((first, second))
    assert compute_probability(low) <= compute_probability(high)


@pytest.mark.parametrize("bits", [-math.inf, -5000.0, 0.0, 5000.0, math.inf])
def test_probability_is_defined_at_every_weight(bits):
    assert 0 <= compute_probability(bits) <= 1


def test_zero_bits_are_an_even_chance():
    assert compute_probability(0) == 0.5


@given(BITS)
def test_opposite_weights_have_complementary_probabilities(bits):
    assert math.isclose(compute_probability(bits) + compute_probability(-bits), 1)


@pytest.mark.parametrize(
    ("bits", "band"),
    [
        (14.0, Band.LINK), (20.0, Band.LINK), (13.999999, Band.REVIEW), (6.0, Band.REVIEW),
        (5.999999, Band.NON_LINK), (-10.0, Band.NON_LINK),
    ],
)  # fmt: skip
def test_a_band_begins_at_its_threshold(bits, band):
    assert Thresholds(link=14, review=6, margin=3).classify(bits) is band


def test_the_influence_floor_is_the_link_threshold_minus_the_margin():
    assert Thresholds(link=14, review=6, margin=3).influence_floor == 11


@pytest.mark.parametrize(("review", "stored"), [(6.0, 6.0), (12.0, 11.0)])
def test_every_edge_with_an_effect_is_stored(review, stored):
    assert Thresholds(link=14, review=review, margin=3).storage_floor == stored


@pytest.mark.parametrize(("link", "review", "margin"), [(14, 6, 14), (14, 6, 20), (-1, -2, 0.5)])
def test_a_floor_of_zero_bits_or_less_is_refused(link, review, margin):
    with pytest.raises(ValueError, match="above 0 bits"):
        Thresholds(link=link, review=review, margin=margin)


@pytest.mark.parametrize(("link", "is_positive"), [(-1, False), (0, False), (0.5, True)])
def test_without_a_margin_a_floor_may_lie_below_even_odds(link, is_positive):
    assert Thresholds(link=link, review=link, margin=0).has_positive_floor == is_positive


def test_a_review_threshold_above_the_link_threshold_is_refused():
    with pytest.raises(ValueError, match="review threshold"):
        Thresholds(link=14, review=15, margin=3)


@pytest.mark.parametrize("bad", [math.nan])
def test_a_threshold_that_is_not_a_number_is_refused(bad):
    for values in ({"link": bad}, {"review": bad}, {"margin": bad}):
        with pytest.raises(ValueError, match=r"threshold|bits"):
            Thresholds(**({"link": 14.0, "review": 6.0, "margin": 3.0} | values))


def test_weights_that_differ_by_rounding_compare_equal():
    assert round_weight(11.0000001) == round_weight(11.0000004)
    assert round_weight(11.000001) != round_weight(11.000002)
