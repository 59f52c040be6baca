"""Tests of partition rules on the same component."""

from itertools import combinations

import pytest

from mpi.clustering.component import Component, order_pair
from mpi.domain.weight import Thresholds
from training.partitions.rules import RULES

THRESHOLDS = Thresholds(link=10, review=10, margin=3, cohesion=0)


def make_component(weights, records=None):
    named = sorted(records or {record for edge in weights for record in edge})
    full = {order_pair(left, right): -15.0 for left, right in combinations(named, 2)}
    full.update({order_pair(*edge): bits for edge, bits in weights.items()})
    return Component(tuple(named), full)


def run_rule(rule, weights, records=None):
    return sorted(sorted(cluster) for cluster in RULES[rule](make_component(weights, records), THRESHOLDS))


TRIANGLE = {(1, 2): 20.0, (1, 3): 20.0, (2, 3): 20.0}
FAMILIES = TRIANGLE | {(4, 5): 20.0, (4, 6): 20.0, (5, 6): 20.0, (3, 4): 12.0}
CHAIN = {(1, 2): 20.0, (2, 3): 18.0, (1, 3): 2.0}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_joins_agreeing_records_and_separates_others(rule):
    assert run_rule(rule, TRIANGLE, records=range(1, 5)) == [[1, 2, 3], [4]]


@pytest.mark.parametrize("rule", RULES)
def test_only_connected_components_joins_families_over_a_weak_link(rule):
    one_cluster = [[1, 2, 3, 4, 5, 6]]
    assert (run_rule(rule, FAMILIES) == one_cluster) == (rule == "connected components")


@pytest.mark.parametrize(
    ("rule", "clusters"),
    [
        ("connected components", [[1, 2, 3]]),
        ("components with veto at -10 bits", [[1, 2, 3]]),
        ("complete linkage", [[1, 2], [3]]),
        ("stars", [[1, 2, 3]]),
        ("correlation clustering", [[1, 2], [3]]),
        ("average linkage", [[1, 2, 3]]),
        ("shipped", [[1, 2, 3]]),
    ],
)
def test_rules_differ_on_a_chain_with_dissimilar_ends(rule, clusters):
    assert run_rule(rule, CHAIN) == clusters


@pytest.mark.parametrize("rule", RULES)
def test_result_does_not_depend_on_weight_order(rule):
    turned = dict(reversed(FAMILIES.items()))
    assert run_rule(rule, turned) == run_rule(rule, FAMILIES)
