"""Kappa as published, and where it says nothing."""

import math

import pytest

from mpi.domain.rater_agreement import measure_agreement

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


def test_kappa_and_its_interval_are_those_published():
    found = measure_agreement(COHEN_1968)
    assert (found.pairs, found.agreed) == (200, 140)
    assert found.kappa.value == pytest.approx(0.492, abs=0.0005)
    # As R's psych::cohen.kappa gives it for this table, by the same standard error.
    assert (round(found.kappa.low, 2), round(found.kappa.high, 2)) == (0.39, 0.59)
    assert measure_agreement(FLEISS).kappa.value == pytest.approx(0.68, abs=0.005)


def test_it_is_the_same_whoever_of_the_two_is_named_first():
    turned = {(other, one): count for (one, other), count in FLEISS.items()}
    assert measure_agreement(turned).kappa.value == pytest.approx(measure_agreement(FLEISS).kappa.value)
    assert measure_agreement(turned).kappa.low == pytest.approx(measure_agreement(FLEISS).kappa.low)


def test_agreement_throughout_over_few_pairs_is_not_certain():
    few = measure_agreement({("same", "same"): 4, ("different", "different"): 4}).kappa
    many = measure_agreement({("same", "same"): 400, ("different", "different"): 400}).kappa
    assert few.value == many.value == 1.0
    assert few.low < 0.5
    assert many.low > 0.98


def test_agreement_no_better_than_chance_is_nought_and_worse_is_below():
    by_chance = {(one, other): 25 for one in ("same", "different") for other in ("same", "different")}
    assert measure_agreement(by_chance).kappa.value == pytest.approx(0.0)
    opposed = measure_agreement({("same", "different"): 10, ("different", "same"): 10}).kappa
    assert opposed.value == pytest.approx(-1.0)
    assert opposed.low == -1.0


def test_two_who_only_ever_gave_one_answer_have_no_kappa():
    assert measure_agreement({("same", "same"): 30}).kappa is None
    assert measure_agreement({}) == measure_agreement({("same", "same"): 0})
    assert measure_agreement({}).pairs == 0


def test_a_verdict_that_only_one_of_the_two_gave_counts_as_disagreement():
    found = measure_agreement({("same", "unsure"): 1, ("same", "same"): 5, ("different", "different"): 4})
    assert (found.pairs, found.agreed) == (10, 9)
    assert math.isfinite(found.kappa.low)
    assert found.kappa.value < 1.0
