"""What a sample tells of all pairs: shares, precision, recall, and intervals that hold what they promise."""

from random import Random

import pytest

from mpi.domain.sampling import Judged, allocate, numbers_drawn, precision, recall, share

STATE = (
    # pairs held, share that are matches, how many are drawn, whether linked
    (90_000, 0.999, 15, True),
    (8_000, 0.97, 15, True),
    (900, 0.8, 15, True),
    (1_500, 0.25, 15, False),
    (6_000, 0.04, 15, False),
)


def drawn(random, pairs, matching, size, counted):
    same = sum(random.random() < matching for _ in range(size))
    if counted == 1:
        return Judged(pairs, pairs, same, size - same)
    seen = round(random.gauss(pairs * counted, (pairs * counted) ** 0.5))
    return Judged(round(seen / counted), seen, same, size - same)


@pytest.mark.parametrize("counted", [1, 0.05])
def test_intervals_hold_the_truth_in_about_95_of_100_samples(counted):
    random, rounds = Random(20261124), 400
    linked = [(n, p) for n, p, _, is_linked in STATE if is_linked]
    true_precision = sum(n * p for n, p in linked) / sum(n for n, _ in linked)
    true_recall = sum(n * p for n, p in linked) / sum(n * p for n, p, *_ in STATE)
    held = {"precision": 0, "recall": 0}
    for _ in range(rounds):
        strata = [(is_linked, drawn(random, n, p, size, counted)) for n, p, size, is_linked in STATE]
        on = [one for is_linked, one in strata if is_linked]
        off = [one for is_linked, one in strata if not is_linked]
        found = precision(on)
        held["precision"] += found.low <= true_precision <= found.high
        found = recall(on, off)
        held["recall"] += found.low <= true_recall <= found.high
    assert all(0.92 * rounds <= times for times in held.values()), held


def test_intervals_are_as_narrow_as_the_sample_allows():
    few = precision([Judged(1_000, 1_000, 9, 1)])
    many = precision([Judged(100_000, 100_000, 900, 100)])
    assert many.high - many.low < 0.045
    assert few.low < many.low < many.value < many.high < few.high
    assert few.value == many.value == 0.9


def test_a_stratum_counts_by_the_pairs_that_it_holds():
    large, small = Judged(9_000, 9_000, 10, 0), Judged(1_000, 1_000, 5, 5)
    assert precision([large, small]).value == pytest.approx(0.95)
    assert recall([large], [small]).value == pytest.approx(9_000 / 9_500)


def test_what_was_judged_whole_has_no_interval_left():
    assert precision([Judged(20, 20, 15, 5)]) == precision([Judged(20, 20, 15, 5), Judged(0, 0, 0, 0)])
    found = precision([Judged(20, 20, 15, 5)])
    assert found.low == found.value == found.high == 0.75


def test_a_size_that_was_estimated_widens_the_interval():
    known = recall([Judged(1_000, 1_000, 30, 0)], [Judged(400, 400, 15, 15)])
    guessed = recall([Judged(1_000, 100, 30, 0)], [Judged(400, 40, 15, 15)])
    assert guessed.value == known.value
    assert guessed.low < known.low < known.high < guessed.high
    known = precision([Judged(1_000, 1_000, 30, 0), Judged(400, 400, 15, 15)])
    guessed = precision([Judged(1_000, 100, 30, 0), Judged(400, 40, 15, 15)])
    assert guessed.value == known.value
    assert guessed.low < known.low < known.high < guessed.high


def test_nothing_is_said_before_every_stratum_has_a_verdict():
    judged, not_yet, empty = Judged(10, 10, 3, 0), Judged(10, 10, 0, 0), Judged(0, 0, 0, 0)
    assert precision([judged, not_yet]) is None
    assert precision([empty]) is None
    assert recall([judged], [not_yet]) is None
    assert recall([empty], [empty]) is None
    assert recall([judged], [empty]).value == 1.0


def test_where_no_match_was_found_at_all_nothing_is_promised():
    assert recall([Judged(10, 10, 0, 3)], [Judged(10, 10, 0, 3)]) is None
    found = recall([Judged(10, 10, 0, 3)], [Judged(10, 10, 3, 0)])
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)


def test_a_share_has_wilsons_interval():
    # Newcombe (1998, Statistics in Medicine 17:857-872), table I, method 3.
    assert (round(share(81, 263).low, 4), round(share(81, 263).high, 4)) == (0.2553, 0.3662)
    assert (share(0, 20).low, round(share(0, 20).high, 4)) == (0.0, 0.1611)
    assert (round(share(1, 29).low, 4), round(share(1, 29).high, 4)) == (0.0061, 0.1718)


def test_each_stratum_gives_as_many_and_what_one_lacks_the_others_give():
    assert allocate(9, [100, 100, 100]) == [3, 3, 3]
    assert allocate(9, [1, 100, 100]) == [1, 4, 4]
    assert allocate(10, [2, 0, 3]) == [2, 0, 3]
    assert allocate(2, [5, 5, 5]) == [1, 1, 0]
    assert allocate(0, [5]) == [0]


def test_numbers_are_drawn_alike_by_one_seed_and_otherwise_by_another():
    assert numbers_drawn(1, 5, 10) == [1, 2, 3, 4, 5]
    drawn_once = numbers_drawn(7, 1_000_000, 100)
    assert drawn_once == numbers_drawn(7, 1_000_000, 100) == sorted(set(drawn_once))
    assert drawn_once != numbers_drawn(8, 1_000_000, 100)
    assert 1 <= drawn_once[0] < drawn_once[-1] <= 1_000_000
