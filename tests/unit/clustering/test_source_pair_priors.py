"""The prior of the records at hand: what share of the pairs of each two sources match."""

import math
import random

import pytest

from mpi.clustering.source_pair_priors import MODEL_PRIORS, estimate_priors

PRIOR = 2.0**-16
FITTED = math.log2(PRIOR / (1 - PRIOR))


def two_censuses(people=400, *, twice=0):
    """Two files of the same people; ``twice`` of them stand in the first one's pages twice."""
    source = dict.fromkeys(range(people), "a") | {people + n: "b" for n in range(people)}
    edges = {(n, people + n): 12.0 for n in range(people)}
    for n in range(twice):
        source[2 * people + n] = "a"
        edges[n, 2 * people + n] = 12.0
    # Relatives that look a little like one person, as often within a file as between two.
    edges |= {(n, n + 1): -9.0 for n in range(0, people - 1, 2)}
    edges |= {(n, people + n + 1): -9.0 for n in range(0, people - 1, 2)}
    return edges, source


def share(found, left, right):
    """The share that a shift stands for."""
    odds = 2 ** (FITTED + found.get_shift(left, right))
    return odds / (1 + odds)


def test_files_that_list_a_person_once_overlap_with_each_other_and_not_with_themselves():
    edges, source = two_censuses()
    found = estimate_priors(edges, source, PRIOR)
    assert share(found, 0, 400) == pytest.approx(1 / 400, rel=0.15)
    assert share(found, 0, 1) < share(found, 0, 400) / 50
    assert found.shift_weight(0, 400, 1.0) > found.shift_weight(0, 1, 1.0) + 5


def test_a_file_of_many_duplicates_keeps_its_pairs():
    once, often = (estimate_priors(*two_censuses(twice=twice), PRIOR) for twice in (0, 200))
    assert often.get_shift(0, 1) > once.get_shift(0, 1) + 5
    assert share(often, 0, 1) == pytest.approx(200 / math.comb(600, 2), rel=0.15)
    assert often.get_shift(400, 401) == pytest.approx(once.get_shift(400, 401), abs=0.5), (
        "the other file is as it was"
    )


def test_two_sources_of_too_few_records_to_tell_keep_the_share_of_all():
    edges, source = two_censuses()
    found = estimate_priors(edges, source | {9_001: "tiny", 9_002: "tiny"}, PRIOR)
    of_all = 400 / math.comb(802, 2)
    assert share(found, 9_001, 9_002) == pytest.approx(of_all, rel=0.3)


def test_where_the_weights_expect_as_many_matches_as_the_prior_nothing_moves():
    records = 2_000
    matches = round(PRIOR * math.comb(records, 2))
    edges = {(2 * n, 2 * n + 1): 30.0 for n in range(matches)}
    found = estimate_priors(edges, dict.fromkeys(range(records), "one"), PRIOR)
    assert abs(found.get_shift(0, 1)) < 0.1


def test_weights_that_mean_what_they_say_under_another_prior_give_back_the_share():
    """Evidence drawn as a model would see it: 1 pair in 500 matches, where it was fitted for 1 in 65,536."""
    draw = random.Random(5)
    # Normal evidence of equal spread s, in bits, has means of plus and minus s * s * ln(2) / 2.
    spread, records, true = 6.0, 320, 1 / 500
    mean = spread * spread * math.log(2) / 2
    pairs = [(left, right) for right in range(records) for left in range(right)]
    edges = {each: FITTED + draw.gauss(mean if draw.random() < true else -mean, spread) for each in pairs}
    found = estimate_priors(edges, dict.fromkeys(range(records), "one"), PRIOR)
    assert share(found, 0, 1) == pytest.approx(true, rel=0.25)


def test_nothing_depends_on_the_order_or_the_numbers_of_the_records():
    edges, source = two_censuses(twice=50)
    named = list(source)
    random.Random(1).shuffle(named)
    other = dict(zip(source, named, strict=True))
    turned = {tuple(sorted((other[a], other[b]))): bits for (a, b), bits in reversed(edges.items())}
    again = estimate_priors(turned, {other[record]: code for record, code in source.items()}, PRIOR)
    assert again.shifts == estimate_priors(edges, source, PRIOR).shifts


def test_an_index_without_records_has_the_models_prior():
    assert estimate_priors({}, {}, PRIOR) is MODEL_PRIORS
    assert MODEL_PRIORS.shift_weight(1, 2, 3.0) == 3.0
