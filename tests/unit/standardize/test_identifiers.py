"""Identifier tokens: equal values, values one typo apart, and values of one system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import Identifier
from mpi.standardize.identifiers import IdentifierTokens, normalize_household_ids, tokenize_identifiers
from tests.unit.standardize.record_factory import SEAL

DIGITS = st.text("0123456789", min_size=8, max_size=12).filter(lambda text: text.strip("09"))


def tokenize(value, system="ssid", assigner="OH"):
    return tokenize_identifiers([Identifier(system=system, assigner=assigner, value=value)], SEAL)


def share_near_token(left, right):
    return bool(set(left.near) & set(right.near))


@pytest.mark.parametrize(
    "typo", ["901234568", "901243567", "90123567", "9012334567"], ids=["digit", "exchange", "drop", "double"]
)
def test_values_one_typo_apart_share_a_near_token(typo):
    original, mistyped = tokenize("901234567"), tokenize(typo)
    assert share_near_token(original, mistyped)
    assert not set(original.tokens) & set(mistyped.tokens)


@pytest.mark.parametrize("other", ["912345678", "901999567", "765432109"])
def test_values_further_apart_share_no_near_token_or_a_misleading_one(other):
    assert share_near_token(tokenize("901234567"), tokenize(other)) == (other == "912345678")


def test_near_tokens_of_different_systems_are_never_equal():
    assert not share_near_token(tokenize("901234567"), tokenize("901234567", assigner="TX"))


def test_a_short_number_has_no_near_token():
    assert tokenize("90123").near == ()
    assert tokenize("90123").tokens


def test_numbers_of_one_system_are_distinguished_from_those_of_others():
    first, second, third = tokenize("901234567"), tokenize("777123888"), tokenize("901234567", system="local")
    assert first.systems == second.systems != third.systems


def test_a_filler_value_leaves_no_token():
    assert tokenize("000000000") == tokenize("999999999") == tokenize("UNKNOWN") == IdentifierTokens()


@pytest.mark.parametrize(
    "number",
    [
        "1.23E+09",
        "9.1e+09",
        "1,23E+09",
        "1.23E9",
        "9E+09",
        " 1.234567891E+11 ",
        "#N/A",
        "nan",
        "(blank)",
        "-",
    ],
)
def test_a_number_that_lost_digits_and_a_marker_of_no_value_leave_no_token(number):
    assert tokenize(number) == IdentifierTokens()
    assert normalize_household_ids([number], "sis") == ()


@pytest.mark.parametrize("number", ["4E12", "E1234", "12E", "1.23.45", "2E0901"])
def test_a_number_with_a_letter_e_that_no_spreadsheet_writes_is_kept(number):
    assert tokenize(number).tokens
    assert normalize_household_ids([number], "sis")


@given(DIGITS)
def test_no_token_contains_the_digits_and_all_depend_on_the_secret(value):
    own_tokens = tokenize(value)
    assert all(value not in token for token in (*own_tokens.tokens, *own_tokens.near, *own_tokens.systems))
    other_tokens = tokenize_identifiers(
        [Identifier(system="ssid", assigner="OH", value=value)], KeyedHash(b"o" * 32)
    )
    assert not set(own_tokens.near) & set(other_tokens.near)
