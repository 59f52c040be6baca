"""How combinations of levels are corrected for what independence misses."""

import numpy as np
import pytest

from mpi.matching.model.scoring_parameters import NULL_LEVEL
from training.joint_levels import MOST_BITS, measure_joint_bits

RATES = [np.array([0.2, 0.8]), np.array([0.2, 0.8])]
PATTERNS = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], dtype=np.int8)


def test_independent_levels_need_no_correction():
    bits = measure_joint_bits(PATTERNS, np.array([640.0, 160.0, 160.0, 40.0]), RATES)
    assert bits == pytest.approx(np.zeros(4))


def test_levels_that_exclude_each_other_count_for_a_match_alone_and_against_it_together():
    bits = measure_joint_bits(PATTERNS, np.array([600.0, 200.0, 200.0, 0.0]), RATES)
    assert bits[1] == bits[2] == pytest.approx(np.log2(205 / 165))
    assert bits[3] == -MOST_BITS


def test_few_matches_prove_little():
    (bits, *_) = measure_joint_bits(PATTERNS, np.array([1.0, 0.0, 0.0, 0.0]), RATES)
    assert 0 < bits < 0.1


def test_combinations_of_other_known_fields_are_judged_apart():
    patterns = np.array([[1, 1], [0, 1], [1, NULL_LEVEL], [0, NULL_LEVEL]], dtype=np.int8)
    bits = measure_joint_bits(patterns, np.array([80.0, 20.0, 800.0, 200.0]), RATES)
    assert bits == pytest.approx(np.zeros(4))


def test_levels_that_are_not_learned_correct_nothing():
    guarded = [RATES[0], np.array([np.nan, 0.8])]
    bits = measure_joint_bits(PATTERNS, np.array([640.0, 160.0, 900.0, 900.0]), guarded)
    assert bits[2] == bits[3] == 0
    assert measure_joint_bits(PATTERNS, np.ones(4), [np.array([np.nan, np.nan])] * 2).tolist() == [0] * 4
