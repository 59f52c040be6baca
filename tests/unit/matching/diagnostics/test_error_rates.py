"""Test estimates of false and missed links from each kind of evidence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.statistics.sampling import Estimate, JudgedStratum
from mpi.matching.diagnostics.error_rates import (
    AnswerTally,
    Evidence,
    ModelTally,
    NumberTally,
    count_more_labels,
    format_rate,
    select_groups,
)


def tally_model(linked, apart):
    tally = ModelTally()
    for bits in linked:
        tally.add(bits, linked=True)
    for bits in apart:
        tally.add(bits, linked=False)
    return tally.estimate("all")


def test_model_expects_the_complement_of_each_probability():
    rates = tally_model([math.log2(3)] * 100, [0.0] * 50)  # 75 % and 50 %
    assert rates.false_links.value == pytest.approx(2_500)
    assert rates.missed_links.value == pytest.approx(10_000 * 25 / (75 + 25))
    half_width = 1.96 * math.sqrt(100 * 0.75 * 0.25)
    assert rates.false_links.low == pytest.approx(100 * (25 - half_width), rel=1e-3)
    assert rates.pairs == 100


def test_model_says_nothing_of_no_pair():
    rates = tally_model([], [])
    assert (rates.pairs, rates.false_links, rates.missed_links) == (0, None, None)


@given(
    st.lists(st.floats(-20, 40, allow_nan=False), max_size=30),
    st.lists(st.floats(-20, 40, allow_nan=False), max_size=30),
)
def test_expected_rates_lie_within_their_interval(linked, apart):
    rates = tally_model(linked, apart)
    for rate in (rates.false_links, rates.missed_links):
        if rate is not None:
            assert -1e-6 <= rate.low <= rate.value + 1e-6
            assert rate.value <= rate.high + 1e-6 <= 10_000 + 1e-3


def test_numbers_count_different_ones_as_false_and_equal_ones_apart_as_missed():
    rates = NumberTally(equal_linked=97, different_linked=3, equal_apart=3).estimate("all")
    assert (rates.evidence, rates.pairs) == (Evidence.NUMBERS, 100)
    assert (rates.false_links.value, rates.missed_links.value) == (300, 300)
    assert rates.false_links.low < 300 < rates.false_links.high
    nothing = NumberTally().estimate("all")
    assert (nothing.false_links, nothing.missed_links) == (None, None)


def test_answers_weigh_each_stratum_by_its_pairs():
    linked = [JudgedStratum(900, 900, 30, 0), JudgedStratum(100, 100, 20, 10)]
    rates = AnswerTally(linked, [JudgedStratum(100, 100, 6, 14)]).estimate("all")
    assert rates.pairs == 60
    assert rates.false_links.value == pytest.approx(10_000 * 0.1 * 10 / 30)
    matches = 900 + 100 * 2 / 3
    assert rates.missed_links.value == pytest.approx(10_000 * 30 / (matches + 30))
    assert rates.missed_links.low < rates.missed_links.value < rates.missed_links.high


def test_stratum_without_a_verdict_leaves_the_rates_open():
    tally = AnswerTally([JudgedStratum(900, 900, 30, 0)], [JudgedStratum(100, 100, 0, 0)])
    rates = tally.estimate("all")
    assert rates.false_links is not None
    assert rates.missed_links is None
    assert tally.bound_recall().more_labels is None


def test_bound_twice_as_far_needs_four_times_the_labels():
    assert count_more_labels(Estimate(0.98, 0.96, 0.99), 100, width=0.01) == 300
    assert count_more_labels(Estimate(0.98, 0.975, 0.99), 100, width=0.01) == 0


def test_recall_is_bounded_by_its_lower_limit():
    tally = AnswerTally([JudgedStratum(900, 900, 30, 0)], [JudgedStratum(100, 100, 5, 5)])
    bound = tally.bound_recall()
    assert bound.verdicts == 40
    assert bound.recall.low < bound.recall.value < 1
    assert bound.more_labels > 0


def test_groups_with_few_pairs_are_left_out():
    few, many = (NumberTally(equal_linked=n).estimate(str(n)) for n in (9, 10))
    assert select_groups([few, many], "all", 10) == (many,)


def test_a_group_of_every_pair_is_left_out_but_where_the_evidence_is_another():
    def rate(group, count, evidence=Evidence.NUMBERS):
        return NumberTally(equal_linked=count).estimate(group, evidence)

    everyone, part = rate("all", 30), rate("sex F", 20)
    of_others = rate("one last name", 30, Evidence.HIDDEN_NUMBERS)
    shown = select_groups([everyone, rate("one last name", 30), part, of_others], "all", 10)
    assert shown == (everyone, part, of_others)


def test_a_rate_is_formatted_with_its_interval_and_an_unknown_one_is_empty():
    assert format_rate(Estimate(12.34, 5.0, 20.06)) == "12.3 (5.0 to 20.1)"
    assert format_rate(None) == ""
