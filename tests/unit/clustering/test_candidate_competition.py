"""Competition between candidates that cannot both be matches."""

import numpy as np
import pytest

from mpi.clustering.candidate_competition import CandidateCompetition, measure_exclusiveness

FIRST, SECOND = 0, 1


def discount(pairs, bits, source_of, exclusiveness=(1.0, 1.0)):
    """Return the weights of pairs beside their rivals."""
    left, right = (np.array(ends, dtype=np.int64) for ends in zip(*pairs, strict=True))
    sources = tuple(np.array([source_of[end] for end in ends.tolist()]) for ends in (left, right))
    weights = np.array(bits, dtype=np.float64)
    competition = CandidateCompetition(left, right, weights, sources)
    return competition.discount(weights, np.array(exclusiveness)).tolist()


def probability(bits):
    """Return the probability that a weight stands for."""
    return 1 / (1 + 2**-bits)


def test_a_pair_without_rivals_keeps_its_weight():
    assert discount([(1, 2), (3, 4)], [3.0, -2.0], {1: 0, 2: 1, 3: 0, 4: 1}) == [3.0, -2.0]


def test_candidates_share_the_probability_as_a_softmax_with_none():
    weights = discount([(1, 11), (1, 12), (1, 13)], [3.0, 2.0, 0.0], {1: 0, 11: 1, 12: 1, 13: 1})
    total = 1 + 8 + 4 + 1
    assert [probability(bits) for bits in weights] == pytest.approx(
        [8 / total, 4 / total, 1 / total], abs=1e-3
    )


def test_a_rival_that_has_a_better_match_takes_little():
    source_of = {1: 0, 2: 0, 11: 1, 12: 1}
    alone = discount([(1, 11), (1, 12)], [3.0, 3.0], source_of)
    taken = discount([(1, 11), (1, 12), (2, 12)], [3.0, 3.0, 12.0], source_of)
    assert taken[0] > alone[0] + 2
    assert taken[1] < -8


def test_candidates_of_two_sources_do_not_compete():
    assert discount([(1, 11), (1, 12)], [3.0, 3.0], {1: 0, 11: 1, 12: 2}, (1.0,) * 3) == [3.0, 3.0]


def test_candidates_that_are_one_person_do_not_compete():
    weights = discount([(1, 11), (1, 12), (11, 12)], [6.0, 6.0, 9.0], {1: 0, 11: 1, 12: 1})
    assert weights == pytest.approx([6.0, 6.0, 9.0], abs=0.01)


def test_strong_candidates_that_no_rule_compares_do_not_compete():
    weights = discount([(1, 11), (1, 12)], [30.0, 30.0], {1: 0, 11: 1, 12: 1})
    assert weights == [30.0, 30.0]


def test_nothing_competes_where_each_person_is_held_twice():
    exclusiveness = measure_exclusiveness(np.array([0.0, 500.0]), np.array([1000.0, 1000.0]))
    assert exclusiveness.tolist() == [1.0, 0.0]
    assert discount([(1, 11), (1, 12)], [3.0, 3.0], {1: 0, 11: 1, 12: 1}, exclusiveness) == [3.0, 3.0]


def test_a_matching_of_a_complete_graph_takes_each_record_once():
    pairs = [(left, 10 + right) for left in range(5) for right in range(5)]
    source_of = {n: int(n >= 10) for n in (*range(5), *range(10, 15))}
    weights = discount(pairs, [10.0] * 25, source_of)
    for record in range(5):
        assert sum(probability(weights[record * 5 + n]) for n in range(5)) == pytest.approx(1.0, abs=0.05)


def test_order_of_pairs_and_ends_has_no_effect():
    pairs, bits = [(1, 11), (1, 12), (2, 12), (11, 12)], [3.0, 2.5, 4.0, -3.0]
    source_of = {1: 0, 2: 0, 11: 1, 12: 1}
    plain = discount(pairs, bits, source_of)
    reversed_pairs = [(right, left) for left, right in reversed(pairs)]
    assert discount(reversed_pairs, bits[::-1], source_of)[::-1] == pytest.approx(plain, abs=1e-9)


def test_an_empty_list_of_pairs_has_no_competition():
    empty = np.empty(0, dtype=np.int64)
    competition = CandidateCompetition(empty, empty, np.empty(0), (empty, empty))
    assert competition.discount(np.empty(0), np.ones(1)).tolist() == []
