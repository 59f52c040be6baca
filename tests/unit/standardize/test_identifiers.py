"""Identifiers as tokens: equal, a slip apart, and of one system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import Identifier
from mpi.standardize.identifiers import IdentifierTokens, tokenize_identifiers
from tests.unit.standardize.making import SEAL

DIGITS = st.text("0123456789", min_size=8, max_size=12).filter(lambda text: text.strip("09"))


def read(value, system="ssid", assigner="OH"):
    return tokenize_identifiers([Identifier(system=system, assigner=assigner, value=value)], SEAL)


def near(left, right):
    return bool(set(left.near) & set(right.near))


@pytest.mark.parametrize(
    "slip", ["901234568", "901243567", "90123567", "9012334567"], ids=["digit", "exchange", "drop", "double"]
)
def test_values_that_one_slip_of_the_pen_tells_apart_share_a_near_token(slip):
    whole, other = read("901234567"), read(slip)
    assert near(whole, other)
    assert not set(whole.tokens) & set(other.tokens)


@pytest.mark.parametrize("other", ["912345678", "901999567", "765432109"])
def test_values_further_apart_share_none_or_differ_in_more_than_a_slip(other):
    assert near(read("901234567"), read(other)) == (other == "912345678")


def test_near_tokens_of_different_systems_are_never_equal():
    assert not near(read("901234567"), read("901234567", assigner="TX"))


def test_a_short_number_is_near_no_other():
    assert read("90123").near == ()
    assert read("90123").tokens


def test_numbers_of_one_system_are_told_from_numbers_of_others():
    first, second, third = read("901234567"), read("777123888"), read("901234567", system="local")
    assert first.systems == second.systems != third.systems


def test_a_filler_leaves_nothing_behind():
    assert read("000000000") == read("999999999") == read("UNKNOWN") == IdentifierTokens()


@given(DIGITS)
def test_no_token_holds_the_digits_and_all_depend_on_the_secret(value):
    mine = read(value)
    assert all(value not in token for token in (*mine.tokens, *mine.near, *mine.systems))
    other = tokenize_identifiers(
        [Identifier(system="ssid", assigner="OH", value=value)], KeyedHash(b"o" * 32)
    )
    assert not set(mine.near) & set(other.near)
