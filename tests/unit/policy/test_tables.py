"""The tables of the policy are complete and fit each other."""

from mpi.domain.roles import Role
from mpi.domain.viewer import NAMED_POPULATIONS, OTHER_POPULATIONS, PURPOSES, Action, Carried
from mpi.policy.action_classes import ACTION_CLASSES, CLASSES_BY_PURPOSE
from mpi.policy.agreement import MATCHING_FIELDS, OUTPUT_FIELDS
from mpi.policy.reasons import SENTENCES, ReasonCode
from mpi.policy.role_rules import ROLE_RULES
from mpi.policy.tiers import FIELD_TIERS, OWN_FIELDS, POPULATION_TIERS, PURPOSE_RULES, Tier


def test_every_action_purpose_role_and_reason_has_a_row():
    assert set(ACTION_CLASSES) == set(Action)
    assert set(CLASSES_BY_PURPOSE) == set(PURPOSE_RULES) == set(PURPOSES)
    assert set(ROLE_RULES) == set(Role)
    assert set(SENTENCES) == set(ReasonCode)
    assert set(POPULATION_TIERS) == NAMED_POPULATIONS | {OTHER_POPULATIONS}


def test_a_directory_holds_identity_and_school_alone():
    """A field that is new, or tells of a person's safety, is restricted until somebody decides."""
    directory = {field for field, tier in FIELD_TIERS.items() if tier is Tier.DIRECTORY}
    assert directory == {
        "local_id", "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names",
        "birth_date", "birth_date_quality", "previous_birth_dates", "sex", "multiple_birth", "birth_order",
        "subject", "school_id", "district_id", "grade", "entry_date", "exit_date", "enrollments", "as_of",
    }  # fmt: skip
    assert FIELD_TIERS["merged_into"] is Tier.RESTRICTED
    assert all(FIELD_TIERS[field] is Tier.RESTRICTED for field in OWN_FIELDS)


def test_no_purpose_carries_a_population_above_its_tier_or_a_sealed_one():
    for rule in PURPOSE_RULES.values():
        assert all(POPULATION_TIERS[population] <= rule.highest_tier for population in rule.populations)
        assert rule.highest_tier < Tier.SEALED


def test_a_population_without_a_row_is_carried_only_with_the_other_ones():
    assert Carried(frozenset(), frozenset({OTHER_POPULATIONS})).has_flag("gifted")
    assert not Carried(frozenset(), frozenset({OTHER_POPULATIONS})).has_flag("foster_care")
    assert not Carried(frozenset(), frozenset({"foster_care"})).has_flag("gifted")


def test_linkage_tokens_may_be_compared_and_are_in_no_answer():
    assert "linkage_tokens" in MATCHING_FIELDS
    assert "linkage_tokens" not in OUTPUT_FIELDS
    assert FIELD_TIERS["linkage_tokens"] is Tier.SEALED
