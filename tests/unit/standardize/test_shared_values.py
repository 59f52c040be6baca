"""Values shared by many unrelated people: their detection, and features without them."""

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
from tests.unit.standardize.record_factory import SEAL, features_of

SHELTER = {"address_line1": "500 Haven Rd", "city": "Lima", "postal_code": "43010"}
SHELTER_KEY = "500 HAVEN RD|43010"
OTHER_ADDRESS = {"address_line1": "12 Oak St", "postal_code": "45402"}


def children(count: int = MIN_BIRTH_DATES, **fields: object) -> list[Features]:
    """Return children with different birth dates who agree otherwise."""
    return [features_of(birth_date=f"2012-03-{day:02}", **fields) for day in range(1, count + 1)]


def without_shared_values(features: Features, *shared: list[Features]) -> Features:
    return drop_shared_values(
        features, find_shared_values([child for group in shared for child in group], SEAL), SEAL
    )


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        (SHELTER, "addresses"),
        ({"phone": "614-555-0134"}, "phones"),
        ({"email": "office@agency.example"}, "email"),
        ({"household_ids": "H1"}, "household_ids"),
    ],
)
def test_a_value_is_shared_from_twelve_birth_dates_on(fields, column):
    own_features = features_of(**fields)
    assert getattr(without_shared_values(own_features, children(12, **fields)), column) in ((), None)
    assert without_shared_values(own_features, children(11, **fields)) is own_features


def test_records_without_their_own_birth_date_do_not_count():
    features = [*children(11, **SHELTER) * 5, *[features_of(**SHELTER)] * 5]
    assert find_shared_values(features, SEAL) == NO_SHARED_VALUES


@given(st.permutations(children(13, **SHELTER, phone="614-555-0134")))
def test_the_order_of_the_records_does_not_matter(records):
    assert find_shared_values(records, SEAL) == find_shared_values(
        children(13, **SHELTER, phone="614-555-0134"), SEAL
    )


def test_a_common_guardian_name_is_not_treated_as_shared():
    parent = {"guardian_first_name": "Maria", "guardian_last_name": "Garcia"}
    assert find_shared_values(children(40, **parent), SEAL) == NO_SHARED_VALUES


def test_city_and_postal_code_of_a_shared_address_are_kept():
    remaining = without_shared_values(
        features_of(first_name="Ana", address_line2="Unit B", **SHELTER), children(**SHELTER)
    )
    assert (remaining.street_number, remaining.street, remaining.unit) == (None, None, None)
    assert (remaining.given, remaining.city, remaining.postal_code) == ("ANA", "LIMA", "43010")


def test_another_address_of_the_record_is_kept_with_its_columns():
    remaining = without_shared_values(features_of(addresses=[OTHER_ADDRESS, SHELTER]), children(**SHELTER))
    assert (remaining.addresses, remaining.street_number, remaining.street) == (
        ("12 OAK ST|45402",),
        "12",
        "OAK ST",
    )
    remaining = without_shared_values(features_of(addresses=[SHELTER, OTHER_ADDRESS]), children(**SHELTER))
    assert (remaining.addresses, remaining.street_number, remaining.street) == (
        ("12 OAK ST|45402",),
        None,
        None,
    )


def test_a_shared_address_is_no_placement_home():
    own_features = features_of(
        addresses=[{**SHELTER, "type": "group_home"}, {**OTHER_ADDRESS, "type": "foster_home"}]
    )
    assert without_shared_values(own_features, children(**SHELTER)).placement_homes == ("12 OAK ST|45402",)


def test_a_unit_in_a_shared_house_is_a_separate_home():
    house = children(**SHELTER)
    first, neighbor, different_unit = (
        without_shared_values(features_of(address_line2=f"Apt {n}", **SHELTER), house) for n in (3, 3, 7)
    )
    assert first.addresses == neighbor.addresses == (f"{SHELTER_KEY}|3",)
    assert not set(first.addresses) & set(different_unit.addresses)
    assert (first.street_number, first.street, first.unit) == (None, None, None)
    placement = features_of(addresses=[{**SHELTER, "address_line2": "Apt 3", "type": "foster_home"}])
    assert without_shared_values(placement, house).placement_homes == (f"{SHELTER_KEY}|3",)


def test_a_shared_unit_is_no_home():
    office = {**SHELTER, "address_line2": "Unit B"}
    assert without_shared_values(features_of(**office), children(**office)).addresses == ()


def test_a_house_without_unit_is_shared_when_its_units_are_many():
    units = [
        features_of(birth_date=f"2012-03-{n:02}", address_line2=f"Apt {n}", **SHELTER) for n in range(1, 13)
    ]
    assert without_shared_values(features_of(**SHELTER), units).addresses == ()


def test_a_post_office_box_can_be_shared():
    box = {"address_line1": "PO Box 7700", "postal_code": "44101"}
    remaining = without_shared_values(features_of(**box), children(**box))
    assert (remaining.addresses, remaining.street, remaining.postal_code) == ((), None, "44101")


def test_a_street_without_a_number_is_no_home_and_is_never_listed():
    street = {"address_line1": "Oak St", "address_line2": "Apt 2", "postal_code": "43010"}
    assert find_shared_values(children(**street), SEAL) == NO_SHARED_VALUES


def test_equal_texts_of_different_columns_are_different_values():
    listed = find_shared_values(children(household_ids="A@B.EXAMPLE"), SEAL)
    own_features = replace(features_of(), email="sis|A@B EXAMPLE")
    assert len(listed) == 1
    assert drop_shared_values(own_features, listed, SEAL) is own_features


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
def test_dropping_shared_values_twice_changes_nothing(records, own_fields):
    listed = find_shared_values([features_of(**fields) for fields in records] + children(**SHELTER), SEAL)
    dropped_once = drop_shared_values(features_of(**own_fields), listed, SEAL)
    assert drop_shared_values(dropped_once, listed, SEAL) == dropped_once


def test_lists_contain_keyed_hashes_and_can_be_read_back():
    listed = find_shared_values(children(**SHELTER, phone="614-555-0134"), SEAL)
    text = listed.to_text()
    assert SharedValues.from_text(text) == listed
    assert (len(listed), listed.digest) == (2, SharedValues.from_text(text).digest)
    assert set(re.findall("[A-Za-z]+", text)) == {"addresses", "phones"}
    assert "6145550134" not in text
    assert SharedValues.from_text("{}") == NO_SHARED_VALUES
    with pytest.raises(StoreError, match="cannot be read"):
        SharedValues.from_text("[1")


def test_the_digest_of_a_list_is_computed_once(monkeypatch):
    listed = SharedValues.from_text('{"phones": [1, 2]}')
    first = listed.digest
    monkeypatch.setattr(SharedValues, "to_text", None)
    assert listed.digest == first


def test_the_difference_of_two_lists_can_be_counted():
    smaller, larger = (
        find_shared_values([*children(**SHELTER), *more_children], SEAL)
        for more_children in ((), children(phone="614-555-0134"))
    )
    assert (larger - smaller, smaller - larger, smaller - NO_SHARED_VALUES) == (1, 0, 1)
