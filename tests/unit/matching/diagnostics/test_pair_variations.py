"""What-if variations: a pair with one changed subject, as the scorer reads it."""

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
from tests.index import make_child

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
    record = {name: value for name, value in make_child("1", **changes).items() if value is not None}
    return standardize(validate_record(record, SEAL, clock.now()).record, "sis", SEAL)


def level(pair, comparison: str) -> str:
    """Return the comparison level of a pair."""
    return next(e.level for e in scorer().explain(pair.left, pair.right) if e.comparison == comparison)


def variations(left: Features, right: Features) -> dict:
    return {(variation.subject, variation.how): variation for variation in generate_variations(left, right)}


COMPARISON_OF_SUBJECT = {
    "given": "given", "middle": "middle", "surname": "surname", "suffix": "suffix",
    "birth_date": "birth_date",
    "sex": "sex", "ssn": "ssn", "identifiers": "identifiers", "birth_place": "birth_place",
}  # fmt: skip


def test_a_variation_changes_only_its_subject():
    left, right = features(**KNOWN), features(**{**KNOWN, **OTHER})
    for (subject, _), pair in variations(left, right).items():
        for before, after in ((left, pair.left), (right, pair.right)):
            changed = {
                column for column in FEATURE_COLUMNS if getattr(before, column) != getattr(after, column)
            }
            assert changed <= set(COLUMNS_OF_SUBJECT[subject])


@pytest.mark.parametrize("subject", COMPARISON_OF_SUBJECT)
def test_same_missing_and_different_are_read_as_such(subject):
    same_pair, different_pair = (
        (features(**KNOWN), features(**KNOWN)),
        (features(**KNOWN), features(**KNOWN | OTHER)),
    )
    comparison = COMPARISON_OF_SUBJECT[subject]
    same = {"identifiers": "one in common", "middle": "same name"}.get(subject, "same")
    assert level(variations(*different_pair)[subject, "same"], comparison) == same
    assert level(variations(*same_pair)[subject, "missing"], comparison) == "missing"
    assert level(variations(*same_pair)[subject, "different"], comparison) == "different"


@pytest.mark.parametrize("subject", ["home", "phone", "email", "guardian", "household"])
def test_a_shared_home_or_contact_is_read_as_such(subject):
    left, right = features(**KNOWN), features(**KNOWN | OTHER)
    assert level(variations(left, right)[subject, "same"], "residence") == "home or contact"


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
def test_an_intermediate_level_is_read_as_that_level(subject, how, read):
    left = features(**KNOWN | OTHER)
    pair = variations(left, features(**KNOWN))[subject, how]
    assert level(pair, COMPARISON_OF_SUBJECT[subject]) == read


def test_day_and_month_are_swapped_where_that_is_another_date():
    pair = variations(features(birth_date="2011-07-22"), features(birth_date="2014-03-09"))[
        "birth_date", "swapped"
    ]
    assert level(pair, "birth_date") == "day and month exchanged"
    assert ("birth_date", "swapped") not in variations(features(), features(birth_date="2014-03-19"))


def test_a_missing_value_can_be_varied_where_no_frequency_is_needed():
    empty_features = features()
    variations_found = variations(empty_features, empty_features)
    assert level(variations_found["ssn", "same"], "ssn") == "same"
    assert ("suffix", "same") not in variations_found
    assert ("ssn", "missing") not in variations_found
