"""Survivorship: which stated value is shown, by which rule, independent of order."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpi
from mpi.domain.errors import SurvivorshipError
from mpi.domain.survivorship.attributes import (
    MULTI_VALUE_ATTRIBUTES,
    NAME_PARTS,
    NAME_RULE,
    SINGLE_VALUE_ATTRIBUTES,
)
from mpi.domain.survivorship.name_choice import choose_name
from mpi.domain.survivorship.rule_file import parse_rules
from mpi.domain.survivorship.rules import AttributeRule, Criterion, SourceTrust
from mpi.domain.survivorship.value_choice import choose_all_values, choose_value
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND, SelectionReason, StatedValue

SHIPPED = (Path(mpi.__file__).with_name("survivorship.toml")).read_text(encoding="utf-8")
DAY = "2026-11-24"
TRUST = SourceTrust({"state_id": 40, "ccwis": 30, "sis": 20}, {"D02": 35})
RULE = AttributeRule(
    (Criterion.VERIFICATION, Criterion.COMPLETENESS, Criterion.TRUST, Criterion.RECENCY), TRUST
)


def stated_value(value: str, record: int = 1, **fields) -> StatedValue:
    defaults = {"source": "D01", "kind": "sis", "as_of": "2026-01-01T00:00:00Z", **fields}
    return StatedValue(value, value.casefold(), record, 1000 - record, **defaults)


_DAYS = st.sampled_from([None, "2025-08-01", "2026-08-01", "2027-08-01"])
_VALUES = st.lists(
    st.builds(
        stated_value,
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
def test_the_order_of_the_records_changes_nothing(values, rule, random):
    shuffled = random.sample(values, len(values))
    assert choose_value(shuffled, rule) == choose_value(values, rule)
    assert choose_all_values(shuffled, rule, DAY) == choose_all_values(values, rule, DAY)


@given(_VALUES, _RULES)
def test_the_chosen_value_was_stated_and_no_stated_value_is_lost(values, rule):
    chosen = choose_value(values, rule)
    assert {chosen.stated, *chosen.agreeing, *chosen.others} == set(values)
    listed = choose_all_values(values, rule, DAY)
    assert {
        value for chosen_value in listed for value in (chosen_value.stated, *chosen_value.agreeing)
    } == set(values)
    assert len({chosen_value.stated.comparable for chosen_value in listed}) == len(listed)


@given(_VALUES, _RULES)
def test_a_record_whose_value_is_not_chosen_can_be_removed_without_effect(values, rule):
    chosen, listed = (
        choose_value(values, rule).stated,
        [chosen_value.stated for chosen_value in choose_all_values(values, rule, DAY)],
    )
    for removed in values:
        remaining = [value for value in values if value is not removed]
        if removed != chosen:
            assert choose_value(remaining, rule).stated == chosen
        if removed not in listed:
            assert [chosen_value.stated for chosen_value in choose_all_values(remaining, rule, DAY)] == listed


@given(_VALUES, _RULES)
def test_the_named_rule_is_the_one_that_decided(values, rule):
    chosen = choose_value(values, rule)
    distinct_values = {each.comparable for each in values}
    if chosen.stated.kind == STEWARD_SOURCE_KIND:
        assert chosen.reason is SelectionReason.CORRECTION
    elif len(distinct_values) == 1:
        assert chosen.reason is (SelectionReason.ONLY if len(values) == 1 else SelectionReason.AGREED)
    elif chosen.reason is not SelectionReason.KEY:
        criterion = Criterion(chosen.reason.value)
        ranks = [
            rule.rank_value(criterion, other_value) < rule.rank_value(criterion, chosen.stated)
            for other_value in chosen.others
        ]
        assert any(ranks)


def test_a_stewards_correction_wins_and_the_later_of_two_corrections():
    first = stated_value("Anna", 2, source="STEWARD", kind=STEWARD_SOURCE_KIND, as_of="2024")
    second = stated_value("Hanna", 3, source="STEWARD", kind=STEWARD_SOURCE_KIND, as_of="2025")
    verified = stated_value("Ana", 1, verified=9, as_of="2026")
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
def test_each_criterion_decides_when_those_before_it_do_not(better, rule):
    plain = stated_value("Ana", 1)
    chosen = choose_value([plain, replace(stated_value("Anna", 2), **better)], RULE)
    assert (chosen.stated.value, chosen.reason, chosen.others) == ("Anna", rule, (plain,))


def test_the_canonical_key_breaks_a_tie():
    chosen = choose_value([stated_value("Ana", 1), stated_value("Anna", 2)], RULE)
    assert (chosen.stated.value, chosen.reason) == ("Anna", SelectionReason.KEY)


def test_a_value_in_two_spellings_is_one_value():
    chosen = choose_value([stated_value("Ana", 1), stated_value("ANA", 2)], RULE)
    assert (chosen.reason, chosen.others) == (SelectionReason.AGREED, ())
    assert [each.record for each in chosen.agreeing] == [1]


def test_every_value_of_a_list_is_kept_current_ones_first():
    homes = [
        stated_value("old", 1, begin="2024-01-01", end="2025-06-01"),
        stated_value("now", 2, begin="2025-06-01"),
        stated_value("newer", 3, begin="2026-01-01"),
        stated_value("to come", 4, begin="2027-01-01"),
    ]
    assert [chosen_value.stated.value for chosen_value in choose_all_values(homes, RULE, DAY)] == [
        "newer",
        "now",
        "to come",
        "old",
    ]


def test_the_shipped_rules_cover_every_attribute():
    rules = parse_rules(SHIPPED).rules
    ruled_alone = {*SINGLE_VALUE_ATTRIBUTES, *MULTI_VALUE_ATTRIBUTES} - {*NAME_PARTS}
    assert set(rules) == ruled_alone | {NAME_RULE}
    assert rules["birth_date"].criteria[0] is Criterion.VERIFICATION
    assert rules["ethnicity"].trust.kinds["sis"] > rules["name"].trust.kinds["state_id"]


def test_trust_of_an_attribute_overrides_the_shared_trust():
    text = SHIPPED + 'phone2 = ["trust"]\n'.replace("phone2", "race")
    text = text.replace("sources = {}", 'sources = { "D01.SIS" = 99 }')
    rules = parse_rules(text).rules
    assert rules["race"].trust.rank_source(stated_value("x", source="D01.SIS")) == 99
    assert rules["race"].trust.rank_source(stated_value("x", source="D09")) == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default = [}", "rules.toml: not TOML: .*line 1"),
        ("", "rules.toml: default: it is missing"),
        ("default = ['trust']\nfirst = 1\n", "rules.toml, line 2: first: there is no such key"),
        ("default = ['oldest']\n", "rules.toml, line 1: default: give a list of trust"),
        ("default = ['trust', 'trust']\n", "line 1: default: .*at most once"),
        (
            "default = ['trust']\n\n[attributes]\nsurname = ['trust']\n",
            "line 4: attributes.surname: there is no such key; it is one of name",
        ),
        (
            "default = ['trust']\n[attributes]\nlast_name = ['trust']\n",
            "line 3: attributes.last_name: a name comes from one record: give one rule, with the key name",
        ),
        ("default = ['agreement']\n", "line 1: default: give a list of trust, verification"),
        (
            "default = ['trust']\n[attributes]\nphone = ['agreement']\n",
            "line 3: attributes.phone: give a list of trust, verification",
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
def test_an_invalid_survivorship_file_is_refused_with_its_line_and_key(text, message):
    with pytest.raises(SurvivorshipError, match=re.compile(message, re.DOTALL)):
        parse_rules(text, "rules.toml")


NAME = AttributeRule(
    (
        Criterion.VERIFICATION,
        Criterion.AGREEMENT,
        Criterion.COMPLETENESS,
        Criterion.TRUST,
        Criterion.RECENCY,
    ),
    TRUST,
)


def name_values(*names: str, **fields) -> dict[str, list[StatedValue]]:
    """Return stated values by part: one record each, as "first middle last", "-" where missing."""
    values: dict[str, list[StatedValue]] = {}
    for record, name in enumerate(names, 1):
        for part, text in zip(NAME_PARTS, name.split(), strict=False):
            if text != "-":
                stated = stated_value(text, record, complete=1 + (len(text) > 1), **fields)
                values.setdefault(part, []).append(stated)
    return values


def chosen_texts(values, rule=NAME) -> dict[str, str]:
    return {part: choice.stated.value for part, choice in choose_name(values, rule).items()}


_PARTS = st.tuples(
    st.sampled_from(["Ana", "Anna", "-"]),
    st.sampled_from(["Luz", "L", "Mar", "-"]),
    st.sampled_from(["Perez", "Peres", "-"]),
).map(" ".join)
_NAMES = st.lists(_PARTS, min_size=1, max_size=7)


def test_the_name_that_most_records_agree_on_is_chosen():
    values = name_values("Golda Mae Bolnback", "Goldia Ann Bolnbach", "Goldia Ann Bolnbach")
    chosen = choose_name(values, NAME)
    assert {part: choice.stated.value for part, choice in chosen.items()} == {
        "first_name": "Goldia",
        "middle_name": "Ann",
        "last_name": "Bolnbach",
    }
    assert {choice.reason for choice in chosen.values()} == {SelectionReason.AGREEMENT}
    assert [other.value for other in chosen["first_name"].others] == ["Golda"]
    assert [agreeing.record for agreeing in chosen["first_name"].agreeing] == [2]


def test_an_initial_and_a_missing_middle_name_agree_and_the_fullest_name_is_shown():
    values = name_values("Ana - Perez", "Ana M Perez", "Ana Maria Perez", "Anna Rosa Perez")
    assert chosen_texts(values) == {"first_name": "Ana", "middle_name": "Maria", "last_name": "Perez"}
    assert choose_name(values, NAME)["middle_name"].reason is SelectionReason.COMPLETENESS


def test_a_verified_name_outweighs_a_majority():
    values = name_values("Ana Luz Perez", "Ana Luz Perez")
    verified = name_values("-", "-", "Anna Mar Peres", verified=1)
    joined = {part: [*values[part], *verified[part]] for part in values}
    assert chosen_texts(joined)["first_name"] == "Anna"


def test_a_part_that_the_chosen_record_lacks_is_taken_from_no_other_record():
    values = name_values("Ana - Perez", "Ana - Perez", "Ana Luz Perez", "Ana Mar Perez")
    assert chosen_texts(values) == {"first_name": "Ana", "last_name": "Perez"}


def test_a_whole_name_precedes_a_verified_part_of_one():
    values = name_values("- - Perez", verified=1)
    whole = name_values("-", "Ana - Perez")
    joined = {"first_name": whole["first_name"], "last_name": [*values["last_name"], *whole["last_name"]]}
    assert choose_name(joined, NAME)["last_name"].stated.record == 2


def test_a_correction_replaces_one_part_of_the_name():
    values = name_values("Ana Luz Perez", "Ana Luz Perez")
    correction = stated_value("Anne", 9, source="STEWARD", kind=STEWARD_SOURCE_KIND)
    values["first_name"].append(correction)
    chosen = choose_name(values, NAME)
    assert chosen["first_name"].stated == correction
    assert chosen["first_name"].reason is SelectionReason.CORRECTION
    assert [other.value for other in chosen["first_name"].others] == ["Ana", "Ana"]
    assert chosen["last_name"].reason is SelectionReason.AGREED


def test_nobody_without_a_name_gets_one():
    assert choose_name({}, NAME) == {}


@given(_NAMES, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_change_the_name(names, random):
    values = name_values(*names)
    shuffled = {part: random.sample(stated, len(stated)) for part, stated in values.items()}
    assert choose_name(shuffled, NAME) == choose_name(values, NAME)


@given(_NAMES)
def test_all_parts_of_a_name_come_from_one_record(names):
    chosen = choose_name(name_values(*names), NAME)
    assert len({choice.stated.record for choice in chosen.values()}) <= 1


@given(_NAMES)
def test_a_record_that_repeats_the_chosen_name_does_not_change_it(names):
    chosen = chosen_texts(name_values(*names))
    repeated = " ".join(chosen.get(part, "-") for part in NAME_PARTS[:3])
    if chosen.keys() >= {"first_name", "last_name"}:
        assert chosen_texts(name_values(*names, repeated)) == chosen
