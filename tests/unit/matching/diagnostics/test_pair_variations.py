"""What if: the pair as it is asked about is otherwise in one thing, and the scorer reads it so."""

from functools import cache

import pytest

from mpi.domain import clock
from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.diagnostics.pair_variations import COLUMNS_OF_SUBJECT, generate_variations
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from tests.index import a_child

SEAL = KeyedHash(bytes(32))
KNOWN = {
    "middle_name": "Louise",
    "suffix": "Jr",
    "ssn": "412-55-9182",
    "identifiers": [{"system": "state_student_id", "assigner": "SEA", "value": "900100"}],
    "address_line1": "12 Elm St",
    "city": "Dayton",
    "state": "OH",
    "postal_code": "45402",
    "phone": "614-555-0111",
    "email": "a@example.org",
    "guardian_first_name": "Ada",
    "guardian_last_name": "Okonkwo",
    "household_ids": ["H1"],
    "birth_city": "Dayton",
}
OTHER = {
    "first_name": "Chidi",
    "last_name": "Nwosu",
    "birth_date": "2011-07-22",
    "sex": "M",
    "middle_name": "Peter",
    "suffix": "III",
    "ssn": "415-22-7713",
    "identifiers": [{"system": "state_student_id", "assigner": "SEA", "value": "377777"}],
    "address_line1": "99 Oak Ave",
    "city": "Akron",
    "postal_code": "44301",
    "phone": "614-555-0199",
    "email": "b@example.org",
    "guardian_first_name": "Zed",
    "guardian_last_name": "Nwosu",
    "household_ids": ["H2"],
    "birth_city": "Akron",
}


@cache
def scorer():
    return compile_scorer(load_model(find_model_folder()))


def features(**changes) -> Features:
    sent = {name: value for name, value in a_child("1", **changes).items() if value is not None}
    return standardize(validate_record(sent, SEAL, clock.now()).record, "sis", SEAL)


def level(pair, comparison: str) -> str:
    """How a pair compares."""
    return next(e.level for e in scorer().explain(pair.left, pair.right) if e.comparison == comparison)


def asked(left: Features, right: Features) -> dict:
    return {(each.subject, each.how): each for each in generate_variations(left, right)}


COMPARED_AS = {
    "given": "given", "middle": "middle", "surname": "surname", "suffix": "suffix",
    "birth_date": "birth_date",
    "sex": "sex", "ssn": "ssn", "identifiers": "identifiers", "birth_place": "birth_place",
}  # fmt: skip


def test_all_that_is_asked_is_otherwise_in_that_alone():
    left, right = features(**KNOWN), features(**{**KNOWN, **OTHER})
    for (subject, _), pair in asked(left, right).items():
        for before, after in ((left, pair.left), (right, pair.right)):
            changed = {c for c in FEATURE_COLUMNS if getattr(before, c) != getattr(after, c)}
            assert changed <= set(COLUMNS_OF_SUBJECT[subject])


@pytest.mark.parametrize("subject", COMPARED_AS)
def test_the_same_is_read_as_the_same_the_missing_as_missing_and_the_different_as_different(subject):
    alike, unlike = (features(**KNOWN), features(**KNOWN)), (features(**KNOWN), features(**KNOWN | OTHER))
    comparison = COMPARED_AS[subject]
    same = {"identifiers": "one in common", "middle": "same name"}.get(subject, "same")
    assert level(asked(*unlike)[subject, "same"], comparison) == same
    assert level(asked(*alike)[subject, "missing"], comparison) == "missing"
    assert level(asked(*alike)[subject, "different"], comparison) == "different"


@pytest.mark.parametrize("subject", ["home", "phone", "email", "guardian", "household"])
def test_a_home_or_contact_in_common_is_read_as_such(subject):
    left, right = features(**KNOWN), features(**KNOWN | OTHER)
    assert level(asked(left, right)[subject, "same"], "residence") == "home or contact"


@pytest.mark.parametrize(
    ("subject", "how", "read"),
    [
        ("given", "nickname", "nickname or other name"),
        ("given", "alike", "spelled alike"),
        ("given", "initial", "initial"),
        ("surname", "alike", "spelled alike"),
        ("surname", "one_of_two", "one of two surnames"),
        ("middle", "initial", "same initial"),
        ("birth_date", "stroke", "one stroke off"),
        ("birth_date", "month", "same month"),
        ("birth_date", "year", "same year"),
        ("birth_date", "day_unknown", "same year, day unknown"),
        ("ssn", "last_four", "same last four"),
    ],
)
def test_a_degree_between_is_read_as_that_degree(subject, how, read):
    left = features(**KNOWN | OTHER)
    pair = asked(left, features(**KNOWN))[subject, how]
    assert level(pair, COMPARED_AS[subject]) == read


def test_day_and_month_can_be_exchanged_where_that_is_another_day():
    pair = asked(features(birth_date="2011-07-22"), features(birth_date="2014-03-09"))[
        "birth_date", "swapped"
    ]
    assert level(pair, "birth_date") == "day and month exchanged"
    assert ("birth_date", "swapped") not in asked(features(), features(birth_date="2014-03-19"))


def test_what_neither_record_states_can_be_the_same_where_no_frequency_is_needed():
    bare = features()
    found = asked(bare, bare)
    assert level(found["ssn", "same"], "ssn") == "same"
    assert ("suffix", "same") not in found
    assert ("ssn", "missing") not in found
