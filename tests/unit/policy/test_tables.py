"""The tables of the policy are complete and fit each other."""

from mpi.domain.roles import Role
from mpi.domain.viewer import NAMED_POPULATIONS, OTHER_POPULATIONS, PURPOSES, Action, Carried
from mpi.policy.action_classes import ACTION_CLASSES, CLASSES_BY_PURPOSE
from mpi.policy.reasons import SENTENCES, ReasonCode
from mpi.policy.role_rules import ROLE_RULES
from mpi.policy.tiers import POPULATION_TIERS, PURPOSE_RULES, Tier


def test_every_action_purpose_role_and_reason_has_a_row():
    assert set(ACTION_CLASSES) == set(Action)
    assert set(CLASSES_BY_PURPOSE) == set(PURPOSE_RULES) == set(PURPOSES)
    assert set(ROLE_RULES) == set(Role)
    assert set(SENTENCES) == set(ReasonCode)
    assert set(POPULATION_TIERS) == NAMED_POPULATIONS | {OTHER_POPULATIONS}


def test_no_purpose_carries_a_population_above_its_tier_or_a_sealed_one():
    for rule in PURPOSE_RULES.values():
        assert all(POPULATION_TIERS[population] <= rule.highest_tier for population in rule.populations)
        assert rule.highest_tier < Tier.SEALED


def test_a_population_without_a_row_is_carried_only_with_the_other_ones():
    assert Carried(frozenset(), frozenset({OTHER_POPULATIONS})).has_flag("gifted")
    assert not Carried(frozenset(), frozenset({OTHER_POPULATIONS})).has_flag("foster_care")
    assert not Carried(frozenset(), frozenset({"foster_care"})).has_flag("gifted")
