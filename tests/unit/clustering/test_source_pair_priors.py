"""Prior match probabilities estimated for each pair of sources."""

import math
import random

import pytest

from mpi.clustering.source_pair_priors import MODEL_PRIORS, estimate_priors

PRIOR = 2.0**-16
FITTED = math.log2(PRIOR / (1 - PRIOR))


def two_censuses(people=400, *, twice=0):
    """Return two files of the same people; the first lists ``twice`` of them twice."""
    source = dict.fromkeys(range(people), "a") | {people + n: "b" for n in range(people)}
    edges = {(n, people + n): 12.0 for n in range(people)}
    for n in range(twice):
        source[2 * people + n] = "a"
        edges[n, 2 * people + n] = 12.0
    # Relatives who look a little like one person, as often within a file as between two.
    edges |= {(n, n + 1): -9.0 for n in range(0, people - 1, 2)}
    edges |= {(n, people + n + 1): -9.0 for n in range(0, people - 1, 2)}
    return edges, source


def share(priors, left, right):
    """Return the share of matching pairs that a shift stands for."""
    odds = 2 ** (FITTED + priors.get_shift(left, right))
    return odds / (1 + odds)


def test_files_without_duplicates_overlap_with_each_other_and_not_with_themselves():
    edges, source = two_censuses()
    source |= {1_000 + n: "ab"[n % 2] for n in range(800)}  # half of each file matches nobody
    priors = estimate_priors(edges, source, PRIOR)
    free = 1 / 2
    assert share(priors, 0, 400) == pytest.approx(400 / 800**2 / free**2, rel=0.15)
    assert share(priors, 0, 1) < share(priors, 0, 400) / 50
    assert priors.shift_weight(0, 400, 1.0) > priors.shift_weight(0, 1, 1.0) + 5


def test_a_record_of_files_that_all_match_hardly_stays_without_a_match():
    whole, half = (
        estimate_priors(edges, source | {1_000 + n: "ab"[n % 2] for n in range(others)}, PRIOR)
        for edges, source in [two_censuses()]
        for others in (0, 800)
    )
    assert whole.get_shift(0, 400) > half.get_shift(0, 400) + 6


def test_a_file_with_many_duplicates_keeps_its_pairs():
    without_duplicates, with_duplicates = (
        estimate_priors(*two_censuses(twice=twice), PRIOR) for twice in (0, 200)
    )
    assert with_duplicates.get_shift(0, 1) > without_duplicates.get_shift(0, 1) + 5
    assert share(with_duplicates, 0, 1) == pytest.approx(200 / math.comb(600, 2), rel=0.15)
    assert with_duplicates.get_shift(400, 401) == pytest.approx(
        without_duplicates.get_shift(400, 401), abs=0.5
    ), "the other file is as it was"


def test_two_sources_with_too_few_records_get_the_overall_share():
    edges, source = two_censuses()
    priors = estimate_priors(edges, source | {9_001: "tiny", 9_002: "tiny"}, PRIOR)
    overall_share = 400 / math.comb(802, 2)
    assert share(priors, 9_001, 9_002) == pytest.approx(overall_share, rel=0.3)


def test_nothing_shifts_when_the_weights_expect_as_many_matches_as_the_prior():
    records = 2_000
    matches = round(PRIOR * math.comb(records, 2))
    edges = {(2 * n, 2 * n + 1): 30.0 for n in range(matches)}
    priors = estimate_priors(edges, dict.fromkeys(range(records), "one"), PRIOR)
    assert abs(priors.get_shift(0, 1)) < 0.2


def test_calibrated_weights_under_another_prior_return_the_true_share():
    """Draw evidence as a model would see it: 1 pair in 500 matches, where it was fitted for 1 in 65,536."""
    draw = random.Random(5)
    # Normal evidence of equal spread s, in bits, has means of plus and minus s * s * ln(2) / 2.
    spread, records, true_share = 6.0, 320, 1 / 500
    mean = spread * spread * math.log(2) / 2
    pairs = [(left, right) for right in range(records) for left in range(right)]
    matches = {(2 * n, 2 * n + 1) for n in range(round(true_share * len(pairs)))}
    edges = {pair: FITTED + draw.gauss(mean if pair in matches else -mean, spread) for pair in pairs}
    priors = estimate_priors(edges, dict.fromkeys(range(records), "one"), PRIOR)
    assert share(priors, 0, 1) == pytest.approx(true_share, rel=0.25)


def test_candidates_in_a_source_without_duplicates_compete():
    edges, source = two_censuses()
    edges |= {(0, 799): 12.0}  # record 0 fits two records of the other file alike, one of which has its own
    priors = estimate_priors(edges, source, PRIOR)
    assert priors.shift_weight(0, 400, 12.0) > 10
    assert priors.shift_weight(0, 799, 12.0) < -10
    assert priors.shift_weight(399, 799, 12.0) > 10


def test_candidates_in_a_source_of_many_duplicates_do_not_compete():
    edges = {
        (first, second): 6.0
        for n in range(0, 400, 4)
        for first in range(n, n + 4)
        for second in (n + 3,)
        if first != second
    }
    priors = estimate_priors(edges, dict.fromkeys(range(400), "one"), PRIOR)
    assert not priors.rivals


def test_record_order_and_numbers_have_no_effect():
    edges, source = two_censuses(twice=50)
    shuffled = list(source)
    random.Random(1).shuffle(shuffled)
    renumbered = dict(zip(source, shuffled, strict=True))
    renumbered_edges = {
        tuple(sorted((renumbered[a], renumbered[b]))): bits for (a, b), bits in reversed(edges.items())
    }
    second_priors = estimate_priors(
        renumbered_edges, {renumbered[record]: code for record, code in source.items()}, PRIOR
    )
    assert second_priors.shifts == estimate_priors(edges, source, PRIOR).shifts


def test_an_index_without_records_has_the_models_prior():
    assert estimate_priors({}, {}, PRIOR) is MODEL_PRIORS
    assert MODEL_PRIORS.shift_weight(1, 2, 3.0) == 3.0
