"""Declared rules: read from a file, checked as records come in, and counted in the scorecard."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.composition.rule_files import load_declared_rules
from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.domain.record import CanonicalRecord, Enrollment
from mpi.service.data_quality.issues import IssueFilters, read_all_issues
from mpi.service.data_quality.scorecard import read_scorecard
from mpi.service.records.upsert import upsert
from mpi.standardize.quality.declared_rules import find_rule_issues
from mpi.standardize.quality.rule_file import parse_declared_rules
from tests.index import OPERATOR, crosswalk, load_rows, make_child, with_settings

SHIPPED = load_declared_rules(Settings(quality_rules=None))
HEAD = '[[rule]]\nname = "a-rule"\ntitle = "Send the right one."\n'
WHOLE = HEAD + 'field = "sex"\ncheck = "required"\n'


KINDERGARTEN = 'when = { field = "enrollments.grade", check = "one_of", values = ["KG"] }'


def parse(text: str):
    return parse_declared_rules(HEAD + text, "own.toml")


def breaks(text: str, **values: object) -> bool:
    record = CanonicalRecord("1", **{"as_of": "2026-03-01T00:00:00Z", **values})
    return bool(list(find_rule_issues(record, parse(text))))


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('field = "phone"\ncheck = "required"', {"phone": "1"}, {"phone": None}),
        ('field = "suffix"\ncheck = "pattern"\npattern = "[IV]+|JR"', {"suffix": "IV"}, {"suffix": "IVx"}),
        ('field = "sex"\ncheck = "one_of"\nvalues = ["F", "M"]', {"sex": " f"}, {"sex": "Q"}),
        (
            'field = "birth_date"\ncheck = "range"\nmin = 2000-01-01\nmax = "today"',
            {"birth_date": "03/09/2014"},
            {"birth_date": "1999-12-31"},
        ),
        ('field = "birth_order"\ncheck = "range"\nmax = 9', {"birth_order": "9"}, {"birth_order": "10"}),
        (
            'field = "enrollments.entry_date"\ncheck = "not_after"\nother = "enrollments.exit_date"',
            {
                "enrollments": (
                    Enrollment(entry_date="2026-01-05", exit_date="2026-02-01"),
                    Enrollment(entry_date="2026-02-02"),
                )
            },
            {"enrollments": (Enrollment(entry_date="2026-01-05", exit_date="2025-02-01"),)},
        ),
        (
            'field = "birth_date"\ncheck = "range"\nmin = 2016-01-01\n' + KINDERGARTEN,
            {"birth_date": "2010-01-01", "enrollments": (Enrollment(grade="12"),)},
            {"birth_date": "2010-01-01", "enrollments": (Enrollment(grade="KG"),)},
        ),
    ],
)
def test_each_check_tells_good_values_from_bad_ones(text, good, bad):
    assert (breaks(text, **good), breaks(text, **bad)) == (False, True)


def test_a_value_that_is_missing_or_cannot_be_read_breaks_no_range():
    text = 'field = "birth_date"\ncheck = "range"\nmin = 2000-01-01'
    assert not breaks(text)
    assert not breaks(text, birth_date="not a day")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 1", "own.toml"),
        ("x = 1", "unknown key 'x'"),
        ("rule = 1", "at most 200"),
        (WHOLE + "[[rule]]\n" + WHOLE.removeprefix("[[rule]]\n"), "already"),
        (WHOLE.replace("a-rule", "A Rule"), "name"),
        (WHOLE.replace("Send the right one.", ""), "title"),
        (WHOLE.replace('"sex"', '"ssn_token"'), "field"),
        (WHOLE.replace('"sex"', '"enrollments"'), "column"),
        (WHOLE.replace('"sex"', '"sex.x"'), "column"),
        (WHOLE.replace("required", "magic"), "check"),
        (WHOLE + "min = 1", "unknown key 'min'"),
        (HEAD + 'field = "sex"\ncheck = "pattern"\npattern = "("', "regular expression"),
        (HEAD + 'field = "sex"\ncheck = "one_of"\nvalues = []', "values"),
        (HEAD + 'field = "sex"\ncheck = "range"', "min, max"),
        (HEAD + 'field = "sex"\ncheck = "range"\nmin = "soon"', "min"),
        (WHOLE + 'when = { field = "phone", check = "unique" }', "when: check"),
        ('off = ["no-such"]', "no-such"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_the_reason(text, message):
    with pytest.raises(InputError, match=message):
        parse_declared_rules(text, "own.toml", SHIPPED)


def test_a_state_adds_rules_and_switches_shipped_ones_off(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('off = ["death-before-birth"]\n' + WHOLE)
    names = {rule.name for rule in load_declared_rules(Settings(quality_rules=path))}
    assert names == {rule.name for rule in SHIPPED} - {"death-before-birth"} | {"a-rule"}
    with pytest.raises(InputError, match="cannot be read"):
        load_declared_rules(Settings(quality_rules=tmp_path / "none.toml"))


def list_kinds(index):
    return [
        (issue.local_id, issue.span.kind, issue.span.state.value)
        for issue in read_all_issues(index, OPERATOR, "sis", IssueFilters(is_open=None))
    ]


def test_a_rule_that_a_state_adds_finds_records_that_are_sent_unchanged(index):
    records = [make_child("1", phone="614-555-0134"), make_child("2", first_name="Bo")]
    load_rows(index, "sis", *records, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    before = crosswalk(index)
    rules = parse('field = "phone"\ncheck = "required"')
    strict = with_settings(index, declared_rules=rules)
    load_rows(strict, "sis", *records, as_of=datetime(2026, 3, 2, tzinfo=UTC), confirm=True)
    assert list_kinds(strict) == [("2", "rule-a-rule", "open")]
    assert crosswalk(strict) == before
    load_rows(index, "sis", *records, as_of=datetime(2026, 3, 3, tzinfo=UTC), confirm=True)
    assert list_kinds(index) == [("2", "rule-a-rule", "corrected")]


def test_a_record_sent_by_itself_is_checked_too(index):
    strict = with_settings(index, declared_rules=parse('field = "phone"\ncheck = "required"'))
    answer = upsert(strict, OPERATOR, "sis", make_child())
    assert [(issue.field, issue.code) for issue in answer.issues] == [("phone", "rule-a-rule")]


def test_the_scorecard_counts_the_rules_as_they_are_now(index):
    load_rows(index, "sis", make_child("1", phone="614-555-0134"), make_child("2", first_name="Bo"))
    load_rows(index, "sis", make_child("3", first_name="Cy", phone="614-555-0134"))
    required = parse('field = "phone"\ncheck = "required"')
    [unique] = parse('field = "phone"\ncheck = "unique"')
    strict = with_settings(index, declared_rules=(*required, replace(unique, name="one-phone")))
    scores = {
        rule.rule: (rule.checked, rule.broken) for rule in read_scorecard(strict, OPERATOR, "sis").rules
    }
    assert scores == {"a-rule": (3, 1), "one-phone": (3, 1)}
    draw = read_scorecard(strict, OPERATOR, "sis", 2)
    assert [rule.broken for rule in draw.rules if rule.rule == "one-phone"] == [None]
