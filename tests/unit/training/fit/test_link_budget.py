"""Tests of the budget of false links that a fit states."""

import random
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import Features
from training.fit.card import describe_budget
from training.fit.fit import FitOptions, fit
from training.fit.thresholds import (
    BUDGET,
    BUDGET_OF_FEW_FIELDS,
    LINK_BITS,
    LINKS,
    LOWEST_LINK_BITS,
    STATISTICAL_BITS,
    choose_allowed_false_links,
    choose_link_bits,
    choose_research_bits,
    choose_thresholds,
    get_caution_bits,
    measure_budget,
)

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"
_PAIRS = st.lists(st.tuples(st.integers(4, 12).map(float), st.floats(0.0, 1.0)), min_size=1, max_size=40).map(
    lambda pairs: tuple(np.array(column) for column in zip(*pairs, strict=True))
)


def make_record(given_name, surname, born):
    return Features(
        given=given_name, given_forms=(given_name,), given_roots=(given_name,), surname=surname,
        surname_tokens=(surname,), surname_forms=(surname,), birth_date=born, birth_dates=(born,),
        birth_year=int(born[:4]),
    )  # fmt: skip


@cache
def fit_lists(repeats):
    """Fit to two lists of 700 people, of whom one list holds some twice."""
    rng = random.Random(11)
    names = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    records, sources = [], {}
    for number in range(700):
        born = (date(2004, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat()
        record = make_record(rng.choice(names), rng.choice(names), born)
        for source in ("school", "welfare", *["welfare"] * (number < repeats)):
            sources[len(records)] = source
            records.append(record)
    return fit(list(enumerate(records)), FitOptions(random_pairs=30_000), sources)


def measure(pairs, allowed):
    weights, two_people = pairs
    return measure_budget(weights, two_people, 0, allowed)


@given(_PAIRS, st.floats(0.0, 10_000.0))
def test_links_from_the_proposed_weight_keep_the_budget(pairs, allowed):
    budget = measure(pairs, allowed)
    weights, two_people = pairs
    for bits in np.unique(weights):
        chosen = two_people[weights >= bits]
        is_kept = chosen.sum() * LINKS <= allowed * len(chosen) * (1 + 1e-9)
        if budget.sufficient_bits is not None and bits == budget.sufficient_bits:
            assert is_kept
        elif budget.sufficient_bits is None or bits < budget.sufficient_bits:
            assert not is_kept or chosen.sum() * LINKS >= allowed * len(chosen) * (1 - 1e-9)


@given(_PAIRS, st.floats(0.0, 10_000.0), st.floats(0.0, 10_000.0))
def test_a_smaller_budget_never_proposes_a_lower_weight(pairs, one, other):
    strict, lenient = (measure(pairs, allowed).sufficient_bits for allowed in sorted((one, other)))
    assert strict is None or (lenient is not None and lenient <= strict)


def test_no_links_keep_any_budget():
    budget = measure_budget(np.empty(0), np.empty(0), 0, 0.0)
    assert budget.is_kept
    assert budget.sufficient_bits is None


@pytest.mark.parametrize(
    ("filled", "allowed"),
    [
        ({"given": 1.0, "birth_date": 1.0, "postal_code": 1.0}, BUDGET_OF_FEW_FIELDS),
        ({"given": 1.0, "addresses": 0.5}, BUDGET),
        ({"given": 1.0, "ssn": 0.3}, BUDGET),
        ({"given": 1.0, "guardians": 0.001}, BUDGET_OF_FEW_FIELDS),
        ({}, BUDGET_OF_FEW_FIELDS),
    ],
)
def test_the_budget_is_smaller_where_a_home_number_or_guardian_exists(filled, allowed):
    assert choose_allowed_false_links(filled) == allowed


def test_a_fit_to_lists_that_tell_people_apart_keeps_its_budget():
    budget = fit_lists(0).link_budget
    assert budget.allowed == BUDGET_OF_FEW_FIELDS
    assert 690 <= budget.links <= 705
    assert budget.is_kept
    assert "exceeded" not in describe_budget(budget)


def test_links_between_two_records_of_one_source_are_counted():
    assert fit_lists(0).link_budget.within_source == 0
    assert fit_lists(100).link_budget.within_source == 100


def test_links_of_data_with_one_source_are_not_counted_by_source():
    records = [
        make_record("ANA" + letter, "LI" + other, "2010-05-01") for letter in _LETTERS for other in "ABC"
    ]
    fitted = fit(list(enumerate(records * 2)), FitOptions(random_pairs=10_000))
    assert fitted.link_budget.links
    assert fitted.link_budget.within_source == 0


def test_the_card_says_what_would_keep_an_exceeded_budget():
    weights, two_people = np.array([4.0, 5.0, 9.96]), np.array([0.5, 0.1, 0.0])
    exceeded = measure_budget(weights, two_people, 1, 10.0)
    text = describe_budget(exceeded)
    assert "2000.0 (95 %" in text
    assert "may be exceeded. Links from 10.0 bits up would keep it." in text
    assert "1 of these links (33.3%) join two records of one source" in text
    certain = replace(exceeded, links=1_000, false_links=100.0, sufficient_bits=None)
    assert "is exceeded. No weight is enough." in describe_budget(certain)


@given(_PAIRS, st.floats(0.0, 10_000.0))
def test_the_lowest_link_threshold_that_keeps_the_budget_is_chosen(pairs, allowed):
    weights, two_people = pairs[0] / 2, pairs[1]
    chosen = choose_link_bits(weights, two_people, allowed)
    assert LOWEST_LINK_BITS <= chosen <= LINK_BITS
    for bits in np.arange(LOWEST_LINK_BITS, chosen, 0.1)[:-1]:
        linked = weights >= round(bits, 1)
        assert two_people[linked].sum() * LINKS > allowed * linked.sum()
    if chosen < LINK_BITS:
        linked = weights >= chosen
        assert two_people[linked].sum() * LINKS <= allowed * linked.sum()


def test_an_exceeded_budget_raises_no_threshold():
    assert choose_link_bits(np.array([3.5, 9.0]), np.array([0.5, 0.5]), BUDGET) == LINK_BITS


@given(st.lists(st.floats(-12.0, 12.0), min_size=1, max_size=40), st.floats(0.0, 30.0))
def test_no_threshold_for_research_expects_a_better_f1(bits, uncompared):
    weights = np.array(bits)
    probabilities = 1 / (1 + np.exp2(-weights))
    matches = probabilities.sum() + uncompared

    def expect_f1(threshold):
        linked = weights >= threshold
        return 2 * probabilities[linked].sum() / (linked.sum() + matches)

    chosen = expect_f1(choose_research_bits(weights, matches) - 1e-9)
    assert all(expect_f1(threshold) <= chosen + 1e-9 for threshold in bits)


def test_research_links_more_where_matches_are_never_compared():
    weights = np.repeat([-1.0, 0.5, 8.0], 50)
    compared = 1 / (1 + np.exp2(-weights)).sum()
    assert choose_research_bits(weights, 200.0) < choose_research_bits(weights, compared) <= 0
    assert choose_research_bits(np.empty(0), 0.0) == STATISTICAL_BITS


@pytest.mark.parametrize(("link", "expected"), [(4.0, 2.75), (3.5, 2.75), (3.0, 2.75), (14.0, 12.75)])
def test_a_cautioned_pair_weighs_less_than_a_link_whatever_the_budget(link, expected):
    operational = choose_thresholds(np.empty(0), link_bits=link).operational
    assert get_caution_bits(operational) == expected
    assert operational.review < expected < operational.link
