"""Estimates from a sample: shares, precision, recall, and the coverage of their intervals."""

from random import Random

import pytest

from mpi.domain.statistics.sampling import (
    JudgedStratum,
    allocate_sample,
    draw_numbers,
    estimate_precision,
    estimate_recall,
    estimate_share,
)

STATE = (
    # pairs held, share that are matches, how many are drawn, whether linked
    (90_000, 0.999, 15, True),
    (8_000, 0.97, 15, True),
    (900, 0.8, 15, True),
    (1_500, 0.25, 15, False),
    (6_000, 0.04, 15, False),
)


def draw_stratum(random, pairs, matching, size, counted):
    same = sum(random.random() < matching for _ in range(size))
    if counted == 1:
        return JudgedStratum(pairs, pairs, same, size - same)
    counted_pairs = round(random.gauss(pairs * counted, (pairs * counted) ** 0.5))
    return JudgedStratum(round(counted_pairs / counted), counted_pairs, same, size - same)


@pytest.mark.parametrize("counted", [1, 0.05])
def test_intervals_cover_the_truth_in_about_95_of_100_samples(counted):
    random, rounds = Random(20261124), 400
    linked = [(n, p) for n, p, _, is_linked in STATE if is_linked]
    true_precision = sum(n * p for n, p in linked) / sum(n for n, _ in linked)
    true_recall = sum(n * p for n, p in linked) / sum(n * p for n, p, *_ in STATE)
    covered = {"precision": 0, "recall": 0}
    for _ in range(rounds):
        strata = [(is_linked, draw_stratum(random, n, p, size, counted)) for n, p, size, is_linked in STATE]
        linked_strata = [stratum for is_linked, stratum in strata if is_linked]
        unlinked_strata = [stratum for is_linked, stratum in strata if not is_linked]
        estimate = estimate_precision(linked_strata)
        covered["precision"] += estimate.low <= true_precision <= estimate.high
        estimate = estimate_recall(linked_strata, unlinked_strata)
        covered["recall"] += estimate.low <= true_recall <= estimate.high
    assert all(0.92 * rounds <= count for count in covered.values()), covered


def test_intervals_are_as_narrow_as_the_sample_allows():
    small_sample = estimate_precision([JudgedStratum(1_000, 1_000, 9, 1)])
    large_sample = estimate_precision([JudgedStratum(100_000, 100_000, 900, 100)])
    assert large_sample.high - large_sample.low < 0.045
    assert small_sample.low < large_sample.low < large_sample.value < large_sample.high < small_sample.high
    assert small_sample.value == large_sample.value == 0.9


def test_a_stratum_is_weighted_by_its_pairs():
    large, small = JudgedStratum(9_000, 9_000, 10, 0), JudgedStratum(1_000, 1_000, 5, 5)
    assert estimate_precision([large, small]).value == pytest.approx(0.95)
    assert estimate_recall([large], [small]).value == pytest.approx(9_000 / 9_500)


def test_a_fully_judged_stratum_has_no_interval():
    assert estimate_precision([JudgedStratum(20, 20, 15, 5)]) == estimate_precision(
        [JudgedStratum(20, 20, 15, 5), JudgedStratum(0, 0, 0, 0)]
    )
    estimate = estimate_precision([JudgedStratum(20, 20, 15, 5)])
    assert estimate.low == estimate.value == estimate.high == 0.75


def test_an_estimated_stratum_size_widens_the_interval():
    exact = estimate_recall([JudgedStratum(1_000, 1_000, 30, 0)], [JudgedStratum(400, 400, 15, 15)])
    estimated = estimate_recall([JudgedStratum(1_000, 100, 30, 0)], [JudgedStratum(400, 40, 15, 15)])
    assert estimated.value == exact.value
    assert estimated.low < exact.low < exact.high < estimated.high
    exact = estimate_precision([JudgedStratum(1_000, 1_000, 30, 0), JudgedStratum(400, 400, 15, 15)])
    estimated = estimate_precision([JudgedStratum(1_000, 100, 30, 0), JudgedStratum(400, 40, 15, 15)])
    assert estimated.value == exact.value
    assert estimated.low < exact.low < exact.high < estimated.high


def test_no_estimate_is_given_before_every_stratum_is_judged():
    judged, not_yet, empty = (
        JudgedStratum(10, 10, 3, 0),
        JudgedStratum(10, 10, 0, 0),
        JudgedStratum(0, 0, 0, 0),
    )
    assert estimate_precision([judged, not_yet]) is None
    assert estimate_precision([empty]) is None
    assert estimate_recall([judged], [not_yet]) is None
    assert estimate_recall([empty], [empty]) is None
    assert estimate_recall([judged], [empty]).value == 1.0


def test_recall_without_any_match_has_the_widest_interval():
    assert estimate_recall([JudgedStratum(10, 10, 0, 3)], [JudgedStratum(10, 10, 0, 3)]) is None
    estimate = estimate_recall([JudgedStratum(10, 10, 0, 3)], [JudgedStratum(10, 10, 3, 0)])
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 1.0)


def test_a_share_has_wilsons_interval():
    # Newcombe (1998, Statistics in Medicine 17:857-872), table I, method 3.
    assert (round(estimate_share(81, 263).low, 4), round(estimate_share(81, 263).high, 4)) == (0.2553, 0.3662)
    assert (estimate_share(0, 20).low, round(estimate_share(0, 20).high, 4)) == (0.0, 0.1611)
    assert (round(estimate_share(1, 29).low, 4), round(estimate_share(1, 29).high, 4)) == (0.0061, 0.1718)


def test_a_sample_is_spread_evenly_and_small_strata_are_topped_up_by_others():
    assert allocate_sample(9, [100, 100, 100]) == [3, 3, 3]
    assert allocate_sample(9, [1, 100, 100]) == [1, 4, 4]
    assert allocate_sample(10, [2, 0, 3]) == [2, 0, 3]
    assert allocate_sample(2, [5, 5, 5]) == [1, 1, 0]
    assert allocate_sample(0, [5]) == [0]


def test_numbers_are_reproducible_by_seed():
    assert draw_numbers(1, 5, 10) == [1, 2, 3, 4, 5]
    drawn_once = draw_numbers(7, 1_000_000, 100)
    assert drawn_once == draw_numbers(7, 1_000_000, 100) == sorted(set(drawn_once))
    assert drawn_once != draw_numbers(8, 1_000_000, 100)
    assert 1 <= drawn_once[0] < drawn_once[-1] <= 1_000_000
