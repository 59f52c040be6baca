"""Classes of record pairs by their two sources."""

import numpy as np
import pytest

from training.source_pairs import classify_pairs

IDS = np.arange(6)
SOURCES = {0: "a", 1: "a", 2: "b", 3: "b", 4: "b", 5: "b"}


def classify(pairs, sources=SOURCES, share=1.0):
    """Return the classes of pairs of records."""
    left, right = (np.array(ends) for ends in zip(*pairs, strict=True))
    return classify_pairs(left, right, IDS, sources, share)


def test_pairs_of_two_sources_are_one_class_in_either_order():
    classes = classify([(0, 2), (3, 1), (0, 1), (4, 5)])
    assert classes.class_of.tolist()[0] == classes.class_of.tolist()[1]
    assert len(set(classes.class_of.tolist())) == 3
    assert classes.is_between[classes.class_of].tolist() == [True, True, False, False]


def test_each_class_stands_for_all_record_pairs_of_its_sources():
    classes = classify([(0, 2), (0, 1), (4, 5)])
    assert classes.pairs[classes.class_of].tolist() == [8, 1, 6]
    assert classes.pairs.sum() == 15


def test_a_sample_of_pairs_stands_for_its_share():
    assert classify([(0, 2)], share=0.5).pairs.sum() == 7.5


def test_a_source_without_expected_duplicates_is_exclusive():
    classes = classify([(0, 2), (4, 5)])
    matches = np.zeros(len(classes.pairs))
    matches[classes.class_of[1]] = 0.25
    assert classes.measure_exclusiveness(matches).tolist() == pytest.approx([1.0, 0.75])


def test_records_without_sources_are_one_class():
    classes = classify([(0, 2), (4, 5)], {})
    assert set(classes.class_of.tolist()) == {0}
    assert classes.pairs.tolist() == [15.0]


def test_too_many_sources_are_one_class():
    ids = np.arange(40)
    classes = classify_pairs(np.array([0]), np.array([1]), ids, {n: f"s{n}" for n in range(40)})
    assert len(classes.pairs) == 1


def test_hardly_a_record_matches_nobody_where_a_list_matches_another():
    classes = classify([(0, 2), (0, 1)])
    matches = np.zeros(len(classes.pairs))
    between = classes.class_of[0]
    matches[between] = 1.0
    bits = classes.compute_unmatched_bits(matches, np.ones(2))
    assert bits[between] == pytest.approx(np.log2(1 / 2) + np.log2(3 / 4))
    assert bits[classes.class_of[1]] == 0
    assert not classes.compute_unmatched_bits(matches, np.zeros(2)).any()
