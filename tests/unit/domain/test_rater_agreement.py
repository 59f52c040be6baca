"""Kappa matches published values, and is absent where it is undefined."""

import math

import pytest

from mpi.domain.statistics.rater_agreement import measure_agreement, measure_pooled_agreement

COHEN_1968 = {
    ("1", "1"): 88, ("1", "2"): 14, ("1", "3"): 18,
    ("2", "1"): 10, ("2", "2"): 40, ("2", "3"): 10,
    ("3", "1"): 2, ("3", "2"): 6, ("3", "3"): 12,
}  # fmt: skip
"""Table 1 of Cohen (1968, Psychological Bulletin 70:213-220): 200 cases, three diagnoses, kappa .492."""
FLEISS = {
    ("psychosis", "psychosis"): 75, ("psychosis", "neurosis"): 1, ("psychosis", "organic"): 4,
    ("neurosis", "psychosis"): 5, ("neurosis", "neurosis"): 4, ("neurosis", "organic"): 1,
    ("organic", "organic"): 10,
}  # fmt: skip
"""Table 18.1 of Fleiss, Levin and Paik (2003, Statistical Methods for Rates and Proportions): kappa .68."""


def test_kappa_and_its_interval_equal_the_published_values():
    agreement = measure_agreement(COHEN_1968)
    assert (agreement.pairs, agreement.agreed) == (200, 140)
    assert agreement.kappa.value == pytest.approx(0.492, abs=0.0005)
    # As R's psych::cohen.kappa gives it for this table, by the same standard error.
    assert (round(agreement.kappa.low, 2), round(agreement.kappa.high, 2)) == (0.39, 0.59)
    assert measure_agreement(FLEISS).kappa.value == pytest.approx(0.68, abs=0.005)


def test_kappa_does_not_depend_on_the_order_of_the_raters():
    swapped = {(second, first): count for (first, second), count in FLEISS.items()}
    assert measure_agreement(swapped).kappa.value == pytest.approx(measure_agreement(FLEISS).kappa.value)
    assert measure_agreement(swapped).kappa.low == pytest.approx(measure_agreement(FLEISS).kappa.low)


def test_kappa_of_any_two_raters_does_not_depend_on_who_is_first():
    # Both gave other answers throughout. Of two fixed raters chance expects that; of ratings by anybody not.
    assert measure_agreement({("same", "different"): 10}).kappa.value == 0.0
    opposed = measure_pooled_agreement({("same", "different"): 10})
    assert (opposed.pairs, opposed.agreed, opposed.kappa.value) == (10, 0, -1.0)
    assert measure_pooled_agreement({("same", "different"): 7, ("different", "same"): 3}) == opposed
    # 40 of 50 are equal, and 48 of 100 ratings are "same": chance expects 0.48² + 0.52² = 0.5008.
    mixed = {("same", "same"): 19, ("different", "different"): 21, ("same", "different"): 10}
    assert measure_pooled_agreement(mixed).kappa.value == pytest.approx((0.8 - 0.5008) / (1 - 0.5008))
    # The interval is that of Cohen's kappa where the raters' shares are equal.
    even = {
        ("same", "same"): 30,
        ("different", "different"): 50,
        ("same", "different"): 10,
        ("different", "same"): 10,
    }
    assert measure_pooled_agreement(even) == measure_agreement(even)


def test_full_agreement_over_few_pairs_is_uncertain():
    small_sample = measure_agreement({("same", "same"): 4, ("different", "different"): 4}).kappa
    large_sample = measure_agreement({("same", "same"): 400, ("different", "different"): 400}).kappa
    assert small_sample.value == large_sample.value == 1.0
    assert small_sample.low < 0.5
    assert large_sample.low > 0.98


def test_chance_agreement_is_zero_and_worse_is_negative():
    by_chance = {(first, second): 25 for first in ("same", "different") for second in ("same", "different")}
    assert measure_agreement(by_chance).kappa.value == pytest.approx(0.0)
    opposed = measure_agreement({("same", "different"): 10, ("different", "same"): 10}).kappa
    assert opposed.value == pytest.approx(-1.0)
    assert opposed.low == -1.0


def test_raters_with_only_one_answer_have_no_kappa():
    assert measure_agreement({("same", "same"): 30}).kappa is None
    assert measure_agreement({}) == measure_agreement({("same", "same"): 0})
    assert measure_agreement({}).pairs == 0


def test_an_answer_used_by_one_rater_only_counts_as_disagreement():
    agreement = measure_agreement({("same", "unsure"): 1, ("same", "same"): 5, ("different", "different"): 4})
    assert (agreement.pairs, agreement.agreed) == (10, 9)
    assert math.isfinite(agreement.kappa.low)
    assert agreement.kappa.value < 1.0
