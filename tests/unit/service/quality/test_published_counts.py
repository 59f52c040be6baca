"""Noise hides one record, and a greedy matching moves by one at most."""

import math
from random import Random
from statistics import fmean, pstdev, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.statistics.sampling import Estimate
from mpi.service.quality.exact_counts import match_greedily
from mpi.service.quality.published_counts import (
    draw_noise,
    estimate_published_share,
    estimate_share_of_parts,
    publish_count,
    publish_counts,
    round_estimate,
    show_count,
)

RULES = PublicationRules()
HASH = KeyedHash(bytes(range(32)))
COUNTS = st.integers(0, 3_000)
PREVIOUS = st.none() | st.integers(0, 300).map(lambda tens: 10 * tens)


def below(noise: float) -> float:
    """Return the probability that the noise is below a value."""
    half = 0.5 * math.exp(-abs(noise) / RULES.noise_scale)
    return half if noise < 0 else 1 - half


def probability(shown: int, exact: int, previous: int | None) -> float:
    """Return the probability that a count is published."""
    rounded = (shown - 5.0 if shown else -math.inf, shown + 5.0)
    if previous is None:
        return below(rounded[1] - exact) - below(rounded[0] - exact)
    held = (previous - RULES.hold_distance, previous + RULES.hold_distance)
    if shown == previous:
        return below(held[1] - exact) - below(held[0] - exact)
    parts = [(rounded[0], min(rounded[1], held[0])), (max(rounded[0], held[1]), rounded[1])]
    return sum(below(high - exact) - below(low - exact) for low, high in parts if low < high)


@given(COUNTS, PREVIOUS, st.integers(0, 320).map(lambda tens: 10 * tens))
def test_one_record_hardly_changes_the_probability_of_a_published_count(exact, previous, shown):
    probabilities = [probability(shown, count, previous) for count in (exact, exact + 1)]
    if min(probabilities) > 1e-9:
        assert max(probabilities) / min(probabilities) <= math.exp(1 / RULES.noise_scale) + 1e-4


def test_noise_has_the_distribution_of_which_the_proof_speaks():
    draws = [draw_noise(HASH, "found", f"day {n}", 500, RULES.noise_scale) for n in range(20_000)]
    assert fmean(draws) == pytest.approx(0, abs=1)
    assert pstdev(draws) == pytest.approx(RULES.noise_scale * math.sqrt(2), rel=0.03)
    for limit in (-60, -20, -3, 10, 40):
        assert sum(noise < limit for noise in draws) / len(draws) == pytest.approx(below(limit), abs=0.012)


@given(st.integers(-(2**63), 2**63 - 1))
def test_noise_is_finite_for_every_hash(hashed):
    class FixedHash:
        def to_int64(self, *_):
            return hashed

    assert abs(draw_noise(FixedHash(), "found", "day", 1, RULES.noise_scale)) < 40 * RULES.noise_scale


def test_noise_differs_by_name_day_and_count_and_is_repeatable():
    draws = {
        draw_noise(HASH, name, day, count, 25.0) for name in ("a", "b") for day in "xy" for count in (1, 2)
    }
    assert len(draws) == 8
    assert draw_noise(HASH, "a", "x", 1, 25.0) in draws
    assert draw_noise(KeyedHash(bytes(32)), "a", "x", 1, 25.0) not in draws


@given(st.floats(-200, 4_000), PREVIOUS)
def test_published_count_is_rounded_and_held_until_far_off(noisy, previous):
    shown = publish_count(noisy, previous, RULES)
    assert shown % RULES.base == 0
    assert shown >= 0
    if previous is not None and abs(noisy - previous) < RULES.hold_distance:
        assert shown == previous
    else:
        assert shown == 0 or abs(shown - noisy) <= RULES.base / 2


def test_count_that_exists_no_more_falls_to_nothing():
    counts = publish_counts(HASH, "day", {"new": 5_000}, {"gone": 5_000}, RULES)
    assert abs(counts["new"] - 5_000) < 500
    assert counts["gone"] < 500


@pytest.mark.parametrize(("count", "shown"), [(None, None), (0, None), (90, None), (100, 100), (110, 110)])
def test_small_counts_are_not_shown(count, shown):
    assert show_count(count, RULES.smallest_shown) == shown


def test_estimates_are_whole_percents():
    assert round_estimate(Estimate(0.98765, 0.9712, 1.0)) == Estimate(0.99, 0.97, 1.0)
    assert round_estimate(None) is None


def test_interval_of_a_published_share_allows_for_the_noise():
    small, large = (estimate_published_share(3 * n // 4, n, RULES) for n in (160, 16_000))
    assert (small.value, small.low, small.high) == (0.75, 0.21, 1.0)
    assert (large.value, large.low, large.high) == (0.75, 0.74, 0.76)
    assert estimate_published_share(210, 200, RULES).value == 1.0


def test_interval_of_the_share_of_one_of_two_counts_is_as_wide_as_the_noise_makes_it():
    rules, draw = PublicationRules(base=100), Random(1)
    shares = []
    for _ in range(4_000):
        part, rest = (draw.gauss(count, rules.count_error) for count in (3_000, 1_000))
        shares.append(part / (part + rest))
    low, *_, high = quantiles(shares, n=40)
    estimate = estimate_share_of_parts(3_000, 1_000, rules)
    assert estimate.value == 0.75
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_error_of_published_counts_is_as_stated():
    exact, count, errors = 8_000, None, []
    for day in range(4_000):
        noise = draw_noise(HASH, "found", str(day), exact, RULES.noise_scale)
        count = publish_count(exact + noise, count, RULES)
        errors.append(count - exact)
    assert pstdev(errors) == pytest.approx(RULES.count_error, rel=0.1)


NUMBERS = st.integers(0, 12)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=40), NUMBERS)
def test_removing_one_person_changes_a_matching_by_at_most_one(pairs, removed):
    rest = [pair for pair in pairs if removed not in pair]
    assert abs(match_greedily(pairs) - match_greedily(rest)) <= 1


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=40))
def test_matching_takes_no_number_twice_and_leaves_no_free_pair(pairs):
    count = match_greedily(pairs)
    assert count <= 13
    assert (count == 0) == (not pairs)
