"""Values that many unrelated people use: how they are found, and what is left of a record without them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import StoreError
from mpi.domain.features import Features
from mpi.standardize.shared_value_detection import find_shared_values
from mpi.standardize.shared_values import (
    MIN_BIRTH_DATES,
    NO_SHARED_VALUES,
    SharedValues,
    drop_shared_values,
)
from tests.unit.standardize.making import SEAL, features_of

HAVEN = {"address_line1": "500 Haven Rd", "city": "Lima", "postal_code": "43010"}
HAVEN_KEY = "500 HAVEN RD|43010"
OTHER = {"address_line1": "12 Oak St", "postal_code": "45402"}


def children(count: int = MIN_BIRTH_DATES, **sent: object) -> list[Features]:
    """So many children, each with a birth date of its own and the same otherwise."""
    return [features_of(birth_date=f"2012-03-{day:02}", **sent) for day in range(1, count + 1)]


def left_of(features: Features, *shared: list[Features]) -> Features:
    return drop_shared_values(
        features, find_shared_values([one for some in shared for one in some], SEAL), SEAL
    )


@pytest.mark.parametrize(
    ("sent", "column"),
    [
        (HAVEN, "addresses"),
        ({"phone": "614-555-0134"}, "phones"),
        ({"email": "office@agency.example"}, "email"),
        ({"household_ids": "H1"}, "household_ids"),
    ],
)
def test_a_value_is_shared_from_twelve_birth_dates_on_and_one_fewer_is_a_household(sent, column):
    mine = features_of(**sent)
    assert getattr(left_of(mine, children(12, **sent)), column) in ((), None)
    assert left_of(mine, children(11, **sent)) is mine


def test_records_of_one_birth_date_or_of_none_are_counted_once_or_not_at_all():
    many = [*children(11, **HAVEN) * 5, *[features_of(**HAVEN)] * 5]
    assert find_shared_values(many, SEAL) == NO_SHARED_VALUES


@given(st.permutations(children(13, **HAVEN, phone="614-555-0134")))
def test_the_order_of_the_records_does_not_matter(records):
    assert find_shared_values(records, SEAL) == find_shared_values(
        children(13, **HAVEN, phone="614-555-0134"), SEAL
    )


def test_a_guardians_name_is_shared_because_it_is_common_and_stays():
    parent = {"guardian_first_name": "Maria", "guardian_last_name": "Garcia"}
    assert find_shared_values(children(40, **parent), SEAL) == NO_SHARED_VALUES


def test_of_a_shared_address_city_and_postal_code_stay():
    left = left_of(features_of(first_name="Ana", address_line2="Unit B", **HAVEN), children(**HAVEN))
    assert (left.street_number, left.street, left.unit) == (None, None, None)
    assert (left.given, left.city, left.postal_code) == ("ANA", "LIMA", "43010")


def test_another_address_of_the_record_stays_with_its_columns():
    left = left_of(features_of(addresses=[OTHER, HAVEN]), children(**HAVEN))
    assert (left.addresses, left.street_number, left.street) == (("12 OAK ST|45402",), "12", "OAK ST")
    left = left_of(features_of(addresses=[HAVEN, OTHER]), children(**HAVEN))
    assert (left.addresses, left.street_number, left.street) == (("12 OAK ST|45402",), None, None)


def test_a_shared_placement_home_is_no_placement_home_either():
    mine = features_of(addresses=[{**HAVEN, "type": "group_home"}, {**OTHER, "type": "foster_home"}])
    assert left_of(mine, children(**HAVEN)).placement_homes == ("12 OAK ST|45402",)


def test_a_flat_in_a_shared_house_is_a_home_of_its_own():
    house = children(**HAVEN)
    one, same, other = (left_of(features_of(address_line2=f"Apt {n}", **HAVEN), house) for n in (3, 3, 7))
    assert one.addresses == same.addresses == (f"{HAVEN_KEY}|3",)
    assert not set(one.addresses) & set(other.addresses)
    assert (one.street_number, one.street, one.unit) == (None, None, None)
    placed = features_of(addresses=[{**HAVEN, "address_line2": "Apt 3", "type": "foster_home"}])
    assert left_of(placed, house).placement_homes == (f"{HAVEN_KEY}|3",)


def test_a_flat_that_is_shared_itself_is_no_home():
    office = {**HAVEN, "address_line2": "Unit B"}
    assert left_of(features_of(**office), children(**office)).addresses == ()


def test_a_house_without_unit_is_known_by_those_who_name_one():
    flats = [
        features_of(birth_date=f"2012-03-{n:02}", address_line2=f"Apt {n}", **HAVEN) for n in range(1, 13)
    ]
    assert left_of(features_of(**HAVEN), flats).addresses == ()


def test_a_post_office_box_can_be_shared():
    box = {"address_line1": "PO Box 7700", "postal_code": "44101"}
    left = left_of(features_of(**box), children(**box))
    assert (left.addresses, left.street, left.postal_code) == ((), None, "44101")


def test_a_street_without_a_number_is_no_home_and_is_never_listed():
    street = {"address_line1": "Oak St", "address_line2": "Apt 2", "postal_code": "43010"}
    assert find_shared_values(children(**street), SEAL) == NO_SHARED_VALUES


def test_equal_texts_of_different_columns_are_different_values():
    listed = find_shared_values(children(household_ids="A@B.EXAMPLE"), SEAL)
    mine = replace(features_of(), email="sis|A@B EXAMPLE")
    assert len(listed) == 1
    assert drop_shared_values(mine, listed, SEAL) is mine


SENT = st.fixed_dictionaries(
    {},
    optional={
        "address_line1": st.sampled_from(["500 Haven Rd", "12 Oak St", "Oak St", "PO Box 9"]),
        "address_line2": st.sampled_from(["Apt 1", "Apt 2"]),
        "postal_code": st.sampled_from(["43010", "45402"]),
        "city": st.sampled_from(["Lima", "Dayton"]),
        "phone": st.sampled_from(["614-555-0134", "614-555-0135"]),
        "birth_date": st.dates().map(str),
    },
)


@given(st.lists(SENT, max_size=60), SENT)
def test_taking_out_what_is_shared_twice_is_taking_it_out_once(records, sent):
    listed = find_shared_values([features_of(**each) for each in records] + children(**HAVEN), SEAL)
    once = drop_shared_values(features_of(**sent), listed, SEAL)
    assert drop_shared_values(once, listed, SEAL) == once


def test_the_lists_are_told_by_keyed_hashes_and_come_back_from_their_text():
    listed = find_shared_values(children(**HAVEN, phone="614-555-0134"), SEAL)
    text = listed.to_text()
    assert SharedValues.from_text(text) == listed
    assert (len(listed), listed.digest) == (2, SharedValues.from_text(text).digest)
    assert set(re.findall("[A-Za-z]+", text)) == {"addresses", "phones"}
    assert "6145550134" not in text
    assert SharedValues.from_text("{}") == NO_SHARED_VALUES
    with pytest.raises(StoreError, match="cannot be read"):
        SharedValues.from_text("[1")


def test_the_digest_of_lists_is_made_once_however_long_they_are(monkeypatch):
    listed = SharedValues.from_text('{"phones": [1, 2]}')
    first = listed.digest
    monkeypatch.setattr(SharedValues, "to_text", None)
    assert listed.digest == first


def test_what_is_listed_here_and_not_there_can_be_counted():
    one, both = (
        find_shared_values([*children(**HAVEN), *more], SEAL) for more in ((), children(phone="614-555-0134"))
    )
    assert (both - one, one - both, one - NO_SHARED_VALUES) == (1, 0, 1)
