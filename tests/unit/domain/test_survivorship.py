"""Survivorship: one value stands, of a record that states it, whatever the order, and says by which rule."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpi
from mpi.domain.errors import SurvivorshipError
from mpi.domain.survivorship import (
    MULTI_VALUE_ATTRIBUTES,
    SINGLE_VALUE_ATTRIBUTES,
    STEWARD_SOURCE_KIND,
    AttributeRule,
    Criterion,
    SelectionReason,
    SourceTrust,
    StatedValue,
    SurvivorshipRules,
    choose_all_values,
    choose_value,
)

SHIPPED = (Path(mpi.__file__).with_name("survivorship.toml")).read_text(encoding="utf-8")
DAY = "2026-11-24"
TRUST = SourceTrust({"state_id": 40, "ccwis": 30, "sis": 20}, {"D02": 35})
RULE = AttributeRule(
    (Criterion.VERIFICATION, Criterion.COMPLETENESS, Criterion.TRUST, Criterion.RECENCY), TRUST
)


def said(value: str, record: int = 1, **besides) -> StatedValue:
    stated = {"source": "D01", "kind": "sis", "as_of": "2026-01-01T00:00:00Z", **besides}
    return StatedValue(value, value.casefold(), record, 1000 - record, **stated)


_DAYS = st.sampled_from([None, "2025-08-01", "2026-08-01", "2027-08-01"])
_VALUES = st.lists(
    st.builds(
        said,
        st.sampled_from(["Ana", "ANA", "Anna", "A"]),
        st.integers(1, 8),
        source=st.sampled_from(["D01", "D02"]),
        kind=st.sampled_from(["sis", "ccwis", "state_id", STEWARD_SOURCE_KIND]),
        as_of=st.sampled_from(["2024", "2025", "2026"]),
        verified=st.integers(0, 2),
        complete=st.integers(0, 2),
        begin=_DAYS,
        end=_DAYS,
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.record,
)
_RULES = st.builds(
    AttributeRule, st.lists(st.sampled_from(Criterion), min_size=1, unique=True).map(tuple), st.just(TRUST)
)


@given(_VALUES, _RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_records_are_read_changes_nothing(values, rule, random):
    shuffled = random.sample(values, len(values))
    assert choose_value(shuffled, rule) == choose_value(values, rule)
    assert choose_all_values(shuffled, rule, DAY) == choose_all_values(values, rule, DAY)


@given(_VALUES, _RULES)
def test_what_stands_was_stated_and_nothing_stated_is_lost(values, rule):
    chosen = choose_value(values, rule)
    assert {chosen.stated, *chosen.agreeing, *chosen.others} == set(values)
    stood = choose_all_values(values, rule, DAY)
    assert {each for one in stood for each in (one.stated, *one.agreeing)} == set(values)
    assert len({one.stated.comparable for one in stood}) == len(stood)


@given(_VALUES, _RULES)
def test_a_record_whose_value_does_not_stand_can_go_without_changing_what_does(values, rule):
    stands, listed = (
        choose_value(values, rule).stated,
        [one.stated for one in choose_all_values(values, rule, DAY)],
    )
    for gone in values:
        left = [each for each in values if each is not gone]
        if gone != stands:
            assert choose_value(left, rule).stated == stands
        if gone not in listed:
            assert [one.stated for one in choose_all_values(left, rule, DAY)] == listed


@given(_VALUES, _RULES)
def test_the_rule_that_is_named_is_the_one_that_left_the_value_alone(values, rule):
    chosen = choose_value(values, rule)
    differ = {each.comparable for each in values}
    if chosen.stated.kind == STEWARD_SOURCE_KIND:
        assert chosen.reason is SelectionReason.CORRECTION
    elif len(differ) == 1:
        assert chosen.reason is (SelectionReason.ONLY if len(values) == 1 else SelectionReason.AGREED)
    elif chosen.reason is not SelectionReason.KEY:
        criterion = Criterion(chosen.reason.value)
        ranks = [
            rule.rank_value(criterion, other) < rule.rank_value(criterion, chosen.stated)
            for other in chosen.others
        ]
        assert any(ranks)


def test_a_stewards_correction_stands_before_all_else_and_the_later_of_two():
    first = said("Anna", 2, source="STEWARD", kind=STEWARD_SOURCE_KIND, as_of="2024")
    second = said("Hanna", 3, source="STEWARD", kind=STEWARD_SOURCE_KIND, as_of="2025")
    verified = said("Ana", 1, verified=9, as_of="2026")
    assert choose_value([verified, first, second], RULE).stated == second
    assert choose_value([verified, first], RULE).stated == first
    assert choose_value([verified, first], RULE).reason is SelectionReason.CORRECTION


@pytest.mark.parametrize(
    ("better", "rule"),
    [
        ({"verified": 1}, SelectionReason.VERIFICATION),
        ({"complete": 1}, SelectionReason.COMPLETENESS),
        ({"kind": "ccwis"}, SelectionReason.TRUST),
        ({"source": "D02"}, SelectionReason.TRUST),
        ({"as_of": "2026-02-01T00:00:00Z"}, SelectionReason.RECENCY),
    ],
)
def test_each_criterion_decides_where_those_before_it_do_not(better, rule):
    plain = said("Ana", 1)
    chosen = choose_value([plain, replace(said("Anna", 2), **better)], RULE)
    assert (chosen.stated.value, chosen.reason, chosen.others) == ("Anna", rule, (plain,))


def test_what_nothing_tells_apart_is_settled_by_the_canonical_key():
    chosen = choose_value([said("Ana", 1), said("Anna", 2)], RULE)
    assert (chosen.stated.value, chosen.reason) == ("Anna", SelectionReason.KEY)


def test_a_value_in_two_spellings_is_one_value():
    chosen = choose_value([said("Ana", 1), said("ANA", 2)], RULE)
    assert (chosen.reason, chosen.others) == (SelectionReason.AGREED, ())
    assert [each.record for each in chosen.agreeing] == [1]


def test_of_a_list_every_value_stands_those_of_the_day_first_and_the_latest_before():
    homes = [
        said("old", 1, begin="2024-01-01", end="2025-06-01"),
        said("now", 2, begin="2025-06-01"),
        said("newer", 3, begin="2026-01-01"),
        said("to come", 4, begin="2027-01-01"),
    ]
    assert [one.stated.value for one in choose_all_values(homes, RULE, DAY)] == [
        "newer",
        "now",
        "to come",
        "old",
    ]


def test_the_shipped_rules_have_one_for_every_attribute():
    rules = SurvivorshipRules.parse(SHIPPED).rules
    assert set(rules) == {*SINGLE_VALUE_ATTRIBUTES, *MULTI_VALUE_ATTRIBUTES}
    assert rules["birth_date"].criteria[0] is Criterion.VERIFICATION
    assert rules["ethnicity"].trust.kinds["sis"] > rules["last_name"].trust.kinds["state_id"]


def test_an_attributes_own_trust_takes_the_place_of_the_shared_one():
    text = SHIPPED + 'phone2 = ["trust"]\n'.replace("phone2", "race")
    text = text.replace("sources = {}", 'sources = { "D01.SIS" = 99 }')
    rules = SurvivorshipRules.parse(text).rules
    assert rules["race"].trust.rank_source(said("x", source="D01.SIS")) == 99
    assert rules["race"].trust.rank_source(said("x", source="D09")) == 20


@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        ("default = [}", "rules.toml: not TOML: .*line 1"),
        ("", "rules.toml: default: it is missing"),
        ("default = ['trust']\nfirst = 1\n", "rules.toml, line 2: first: there is no such key"),
        ("default = ['oldest']\n", "rules.toml, line 1: default: give a list of trust"),
        ("default = ['trust', 'trust']\n", "line 1: default: .*at most once"),
        (
            "default = ['trust']\n\n[attributes]\nsurname = ['trust']\n",
            "line 4: attributes.surname: there is no such key; it is one of first_name",
        ),
        (
            "default = ['trust']\n[attributes]\nsex = { by = ['trust'], kinds = { sis = 'high' } }\n",
            "line 3: attributes.sex.kinds.sis: give a whole number",
        ),
        ("default = ['trust']\n[attributes]\nsex = {}\n", "line 3: attributes.sex.by: it is missing"),
        (
            "default = ['trust']\n# of all\n[trust.kinds]\nsis = 1\nsteward = 9\n",
            "line 5: trust.kinds.steward: there is no such key",
        ),
        ("default = ['trust']\n[trust.sources]\n'D.1' = true\n", "line 2: trust.sources.D.1: give a whole"),
        ("default = ['trust']\ntrust = 1\n", "line 2: trust: give a table"),
        ("default = ['trust']\nverifying = 'x'\n", "line 2: verifying: give a list of texts"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused_with_its_line_and_key(text, said_of_it):
    with pytest.raises(SurvivorshipError, match=re.compile(said_of_it, re.DOTALL)):
        SurvivorshipRules.parse(text, "rules.toml")
