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
from mpi.matching.model.link_budget import LinkBudget, read_budget
from mpi.matching.model.match_model import load_model
from training.fit.card import describe_budget
from training.fit.fit import FitOptions, fit
from training.fit.limits.link_budget import (
    BUDGET,
    BUDGET_OF_FEW_FIELDS,
    LOWEST_LINK_BITS,
    JudgedPairs,
    choose_allowed_false_links,
    choose_link_bits,
    measure_budget,
    trace_links,
)
from training.fit.limits.thresholds import (
    MARGIN_BITS,
    STATISTICAL_BITS,
    choose_research_bits,
    choose_thresholds,
    get_caution_bits,
)
from training.fit.model_writer import ModelIdentity, write_model

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"
_PAIRS = st.lists(
    st.tuples(
        st.integers(0, 6), st.integers(7, 12), st.integers(0, 24).map(lambda n: n / 2), st.floats(0, 1)
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda pair: pair[:2],
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


def trace(pairs, sources=None):
    left, right, bits, two_people = zip(*pairs, strict=True) if pairs else ((), (), (), ())
    judged = JudgedPairs(
        np.array(left, dtype=np.int64),
        np.array(right, dtype=np.int64),
        np.array(bits, dtype=np.float64),
        np.array(two_people, dtype=np.float64),
    )
    return trace_links(judged, MARGIN_BITS, sources or {})


def list_links(curve):
    return list(zip(curve.bits.tolist(), curve.links.tolist(), curve.false_links.tolist(), strict=True))


def test_a_false_link_makes_every_pair_false_that_it_joins():
    same = [(1, 2, 20, 0.0), (1, 3, 20, 0.0), (4, 5, 20, 0.0), (2, 3, 20, 0.0)]
    weak = [(1, 4, 1, 0.3), (1, 5, 1, 0.3), (2, 4, 1, 0.3), (2, 5, 1, 0.3), (3, 5, 1, 0.3)]
    assert list_links(trace([*same, *weak, (3, 4, 18, 0.1)]))[-1] == (18, 10, pytest.approx(0.6))
    assert list_links(trace([*same, (3, 4, 12, 0.1)]))[-1] == (20, 4, 0), "other records contest it"


def test_a_pair_that_a_rival_contests_is_no_link():
    assert list_links(trace([(1, 2, 8, 0.2), (1, 3, 6, 0.8)])) == []
    assert list_links(trace([(1, 2, 9, 0.2), (1, 3, 6, 0.8)])) == [(9, 1, 0.2)]
    one_person = trace([(1, 2, 8, 0.2), (1, 3, 6, 0.2), (2, 3, 1, 0.3)])
    assert [bits for bits, *_ in list_links(one_person)] == [8, 6]


def test_links_within_a_source_are_counted_where_there_are_several():
    pairs = [(1, 2, 9, 0.0), (2, 3, 9, 0.0), (1, 3, 9, 0.0)]
    assert trace(pairs, {1: "a", 2: "b", 3: "a"}).within_source.tolist() == [0, 1]
    assert trace(pairs, {1: "a", 2: "a", 3: "a"}).within_source.tolist() == [0, 0]


@given(_PAIRS, st.floats(0.0, 10_000.0))
def test_the_lowest_link_threshold_that_keeps_the_budget_is_chosen(pairs, allowed):
    curve = trace(pairs)
    chosen = choose_link_bits(curve, allowed)
    assert chosen >= LOWEST_LINK_BITS
    for bits in np.arange(LOWEST_LINK_BITS, chosen - 0.05, 0.1):
        assert not measure_budget(curve, round(bits, 1), allowed).is_kept
    budget = measure_budget(curve, chosen, allowed)
    if budget.sufficient_bits is not None:
        assert budget.is_kept
        assert chosen <= budget.sufficient_bits
    assert not budget.links or budget.link_bits == chosen


@given(_PAIRS, st.floats(0.0, 10_000.0), st.floats(0.0, 10_000.0))
def test_a_smaller_budget_never_gives_a_lower_threshold(pairs, one, other):
    curve = trace(pairs)
    strict, lenient = (measure_budget(curve, 3.0, allowed) for allowed in sorted((one, other)))
    if strict.sufficient_bits is not None:
        assert lenient.sufficient_bits <= strict.sufficient_bits
        assert choose_link_bits(curve, lenient.allowed) <= choose_link_bits(curve, strict.allowed)


def test_no_links_keep_any_budget():
    curve = trace([])
    budget = measure_budget(curve, choose_link_bits(curve, 0.0), 0.0)
    assert budget.is_kept
    assert (budget.link_bits, budget.sufficient_bits) == (LOWEST_LINK_BITS, None)


def test_a_budget_that_no_weight_keeps_gives_the_threshold_of_fewest_false_links():
    pairs = [(1, 2, 9.25, 0.3), (3, 4, 7.0, 0.1), (5, 6, 5.0, 0.9)]
    assert 5.0 < choose_link_bits(trace(pairs), BUDGET) <= 7.0


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
    curve = trace([(1, 2, 9.96, 0.0), (3, 4, 5.0, 0.1), (5, 6, 4.0, 0.5)], {1: "a", 2: "a", 3: "b"})
    exceeded = measure_budget(curve, 4.0, 10.0)
    text = describe_budget(exceeded)
    assert "From 4 bits up, 3 pairs of records would be linked, of which 2000.0 in 10,000 (95 %" in text
    assert "may be exceeded. Links from 10.0 bits up would keep it." in text
    assert "2 of these links (66.7%) join two records of one source" in text
    certain = replace(exceeded, links=1_000, false_links=100.0, sufficient_bits=None)
    assert "is exceeded. No weight is enough." in describe_budget(certain)


def test_a_written_model_states_its_budget(tmp_path):
    fitted = fit_lists(0)
    write_model(tmp_path, ModelIdentity("lists", "1"), fitted, fitted.thresholds)
    model = load_model(tmp_path)
    assert model.link_budget == fitted.link_budget
    assert model.link_budget.link_bits == model.thresholds.link


def test_an_older_model_states_no_budget():
    assert read_budget({}) is None


def test_the_interval_of_the_expected_false_links_holds_chance_alone():
    low, high = LinkBudget(10.0, 4.0, 10_000, 4.0).interval
    assert (low, high) == (pytest.approx(0.08, abs=0.01), pytest.approx(7.92, abs=0.01))
    assert LinkBudget(10.0, 4.0, 0, 0.0).interval == (0, 0)


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


@pytest.mark.parametrize(
    ("link", "expected"), [(4.0, 2.75), (3.5, 2.75), (3.0, 2.75), (4.1, 2.85), (4.5, 3.65), (14.0, 13.75)]
)
# pragma: allowlist nextline secret - a name that looks like a token
def test_a_cautioned_pair_weighs_less_than_a_link_whatever_the_budget(link, expected):
    operational = choose_thresholds(np.empty(0), link_bits=link).operational
    assert get_caution_bits(operational) == expected
    assert operational.review < expected < operational.link
