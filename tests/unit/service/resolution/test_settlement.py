"""Settling reads features only where a rule asks for them."""

from itertools import combinations

import pytest

from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import Thresholds
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.settlement import partition_closure

THRESHOLDS = Thresholds(link=14, review=8, margin=3)


class NoFeaturesError(Exception):
    """Features were asked for."""


def no_features(wanted):
    if wanted:
        raise NoFeaturesError(sorted(wanted))
    return {}


def settled(index, edges, decisions=()):
    keys = {number: 100 + number for pair in edges for number in pair}
    scope = Closure(keys, edges, decisions, frozenset(keys))
    found = partition_closure(scope, no_features, index.matcher.scorer, THRESHOLDS)
    return [one.clusters for one in found]


def all_pairs(records, bits):
    return dict.fromkeys(combinations(records, 2), bits)


def test_records_that_all_link_are_settled_without_their_features(index):
    assert settled(index, all_pairs((1, 2, 3, 4), 20.0)) == [((101, 102, 103, 104),)]
    assert settled(index, {(1, 2): 12.0}) == [((101,), (102,))]


@pytest.mark.parametrize("edges", [{(1, 2): 20.0, (2, 3): 20.0}, {(1, 2): 20.0, (2, 3): 20.0, (1, 3): 12.0}])
def test_where_a_pair_is_not_weighed_or_does_not_link_features_are_asked_for(index, edges):
    with pytest.raises(NoFeaturesError):
        settled(index, edges)


def test_where_somebody_decided_features_are_asked_for(index):
    unsure = Decision(1, DecisionKind.UNSURE, Authority.STEWARD, ((101,), (102,)))
    with pytest.raises(NoFeaturesError):
        settled(index, all_pairs((1, 2, 3), 20.0), (unsure,))
