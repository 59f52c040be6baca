import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.record import Address
from mpi.standardize.address.addresses import parse_address
from mpi.standardize.address.postal_codes import parse_postal_code
from tests.unit.standardize.record_factory import features_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("43001", "43001"), ("43001-1234", "43001"), ("430011234", "43001"), ("43001 1234", "43001"),
        ("2139", "02139"), ("2139-", "02139"), ("43001.0", "43001"), ("2139.0", "02139"),
    ],
)  # fmt: skip
def test_a_zip_code_is_five_digits(text, code):
    assert parse_postal_code(text) == code


@pytest.mark.parametrize(
    ("spellings", "code"),
    [
        (("SW1A 1AA", "sw1a1aa", "SW1A-1AA", " sw1a  1aa "), "SW1A 1AA"),
        (("M1 1AE", "m11ae"), "M1 1AE"),
        (("DN55 1PT", "dn551pt"), "DN55 1PT"),
        (("K1A 0B1", "k1a0b1", "K1A-0B1"), "K1A 0B1"),
        (("1012 AB", "1012ab"), "1012 AB"),
        (("D02 AF30", "d02af30"), "D02 AF30"),
        (("01310-100", "01310100"), "01310100"),
        (("100-0001", "1000001"), "1000001"),
        (("LV-1010", "lv1010"), "LV1010"),
        (("C1425CLA",), "C1425CLA"),
        (("SW1A", "sw1a"), "SW1A"),
        (("10115",), "10115"),
    ],
)
def test_a_code_of_another_country_has_one_form_in_every_spelling(spellings, code):
    assert {parse_postal_code(text) for text in spellings} == {code}


@pytest.mark.parametrize(
    "text",
    ["", "00000", "99999", "0000", "000000", "unknown", "N/A", "4300I", "O0000", "0OO00", "-", "x" * 9_000,
     "12345678901", "7"],
)  # fmt: skip
def test_fillers_misread_codes_and_other_text_are_missing(text):
    assert parse_postal_code(text) is None


@given(st.text())
def test_a_standard_form_is_its_own_standard_form(text):
    code = parse_postal_code(text)
    assert code is None or parse_postal_code(code) == code


@pytest.mark.parametrize("text", ["SW1A 1AA", "unknown", "\U0001f3e0", "1" * 10_000])
def test_no_postal_code_refuses_a_record(text):
    assert features_of(postal_code=text).given is None


def test_a_foreign_postal_code_places_an_address():
    home = parse_address(Address(address_line1="10 Downing St", city="London", postal_code="sw1a2aa"))
    assert home.key == "10 DOWNING ST|SW1A 2AA"


def test_a_house_without_number_is_a_home_where_the_code_names_a_street():
    fields = {"address_line1": "Rose Cottage, Church Lane", "city": "Exeter"}
    assert parse_address(Address(**fields, postal_code="EX1 1AA")).key == "ROSE COTTAGE CHURCH LN|EX1 1AA"
    assert parse_address(Address(**fields, postal_code="43001")).key is None
    assert parse_address(Address(**fields, postal_code="EX1")).key is None


def test_a_street_line_gives_no_foreign_postal_code():
    assert parse_address(Address(address_line1="221B Baker St London NW1 6XE")).postal_code is None
