"""Test that partitioning reads features only when a rule needs them."""

from itertools import combinations

import pytest

from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import Thresholds
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.closure_partition import partition_closure

THRESHOLDS = Thresholds(link=14, review=8, margin=3)


class NoFeaturesError(Exception):
    """Raised when features are requested."""


def refuse_features(record_ids):
    if record_ids:
        raise NoFeaturesError(sorted(record_ids))
    return {}


def partition(index, edges, decisions=()):
    keys = {number: 100 + number for pair in edges for number in pair}
    scope = Closure(keys, edges, decisions, frozenset(keys))
    partitions = partition_closure(scope, refuse_features, index.matcher.scorer, THRESHOLDS)
    return [partition_result.clusters for partition_result in partitions]


def all_pairs(records, bits):
    return dict.fromkeys(combinations(records, 2), bits)


def test_fully_linked_records_need_no_features(index):
    assert partition(index, all_pairs((1, 2, 3, 4), 20.0)) == [((101, 102, 103, 104),)]
    assert partition(index, {(1, 2): 12.0}) == [((101,), (102,))]


@pytest.mark.parametrize("edges", [{(1, 2): 20.0, (2, 3): 20.0}, {(1, 2): 20.0, (2, 3): 20.0, (1, 3): 12.0}])
def test_missing_or_weak_pair_needs_features(index, edges):
    with pytest.raises(NoFeaturesError):
        partition(index, edges)


def test_decision_needs_features(index):
    unsure = Decision(1, DecisionKind.UNSURE, Authority.STEWARD, ((101,), (102,)))
    with pytest.raises(NoFeaturesError):
        partition(index, all_pairs((1, 2, 3), 20.0), (unsure,))
