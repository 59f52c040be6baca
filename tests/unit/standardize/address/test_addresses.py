from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.standardize.address.streets import parse_street, parse_unit
from mpi.standardize.address.usps_abbreviations import STREET_SUFFIXES
from tests.unit.standardize.record_factory import features_of

ADDRESS_COLUMNS = ("street_number", "street", "unit", "city", "state", "postal_code")


def parse_home(**fields: object) -> tuple[str | None, ...]:
    features = features_of(**fields)
    return tuple(getattr(features, column) for column in ADDRESS_COLUMNS)


@pytest.mark.parametrize(
    ("line", "number", "street", "unit"),
    [
        ("12 North Oak Street", "12", "N OAK ST", None),
        ("12 N. Oak St.", "12", "N OAK ST", None),
        ("12 OAK AVENUE NORTH", "12", "OAK AVE N", None),
        ("12 Oak St Apt 3B", "12", "OAK ST", "3B"),
        ("12 Oak St #3B", "12", "OAK ST", "3B"),
        ("12 Oak St APT3B", "12", "OAK ST", "3B"),
        ("12 Oak St, Unit 3-B", "12", "OAK ST", "3B"),
        ("11 North St", "11", "NORTH ST", None),
        ("12 1/2 Elm Street", "12 1/2", "ELM ST", None),
        ("40-12 76th Street", "40-12", "76TH ST", None),
        ("122 east 102 street", "122", "E 102ND ST", None),
        ("2304 19 Avenue", "2304", "19TH AVE", None),
        ("111 West 111 Street", "111", "W 111TH ST", None),
        ("5 Fifth Avenue", "5", "5TH AVE", None),
        ("N6W23001 Bluemound Road", "N6W23001", "BLUEMOUND RD", None),
        ("789 County Road 12", "789", "COUNTY RD 12", None),
        ("789 CR 12", "789", "COUNTY RD 12", None),
        ("11 Avenue B", "11", "AVE B", None),
        ("11 Avenue North", "11", "AVE N", None),
        ("12 Main North", "12", "MAIN N", None),
        ("1 SW St James Dv", "1", "SW ST JAMES DV", None),
        ("8963 9th Stree", "8963", "9TH ST", None),
        ("8 Saint James Street", "8", "ST JAMES ST", None),
        ("300 Calle Luna", "300", "CALLE LUNA", None),
        ("10048", "10048", None, None),
        ("PO Box 12", None, "PO BOX 12", None),
        ("P.O. Box #12", None, "PO BOX 12", None),
        ("Post Office Box 12", None, "PO BOX 12", None),
        ("RR 2 Box 15", None, "RR 2 BOX 15", None),
        ("Kathryn Hickerson Place", None, "KATHRYN HICKERSON PL", None),
        ("Corner of Main & 3rd", None, "CORNER OF MAIN 3RD", None),
    ],
)
def test_a_street_line_is_parsed_into_its_parts(line, number, street, unit):
    parsed = parse_street(line)
    assert (parsed.number, parsed.street, parsed.unit) == (number, street, unit)


@pytest.mark.parametrize(
    "line", ["", "Homeless", "unknown", "N/A", "None", "c/o Jane Doe", "???", "No Address"]
)
def test_a_line_that_is_no_address_is_missing(line):
    assert parse_street(line).street is None


@pytest.mark.parametrize("line", ["12 Oak St 12 Elm St", "1 A 2 B 3 C Apt 4", "Apt 4 12 Oak St Apt 5"])
def test_a_line_that_the_parser_refuses_is_parsed_by_position(line):
    assert parse_street(line).street is not None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Apt # 4-B", "4B"), ("Apartment 4B", "4B"), ("unit no 4b", "4B"), ("4B", "4B"), ("#4b", "4B"),
        ("B", "B"),
        ("5th fl", "5"), ("first floor", "1"), ("Basement", "BSMT"), ("BSMT", "BSMT"), ("Lot A 43", "A43"),
        ("c/o Jane Doe", None), ("Attn: office of the registrar", None), ("", None), ("Apt", None),
    ],
)  # fmt: skip
def test_a_unit_is_parsed_without_its_designator(text, unit):
    assert parse_unit(text) == unit


def test_the_second_line_may_hold_the_unit_or_the_street():
    expected = ("12", "OAK ST", "3", None, None, None)
    assert parse_home(address_line1="12 Oak St", address_line2="Apt 3") == expected
    assert parse_home(address_line1="c/o Jane Doe", address_line2="12 Oak St Apt 3") == expected


def test_a_zip_code_and_city_in_the_line_fill_missing_fields():
    assert parse_home(address_line1="12 Oak St, Columbus OH 43001")[3:] == ("COLUMBUS", None, "43001")
    fields = {"address_line1": "12 Oak St, Columbus OH 43001", "city": "Dayton", "postal_code": "45402"}
    assert parse_home(**fields)[3:] == ("DAYTON", None, "45402")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("43001", "43001"), ("43001-1234", "43001"), ("430011234", "43001"), ("43001 1234", "43001"),
        ("00000", None), ("99999", None), ("430", "430"), ("K1A 0B1", "K1A 0B1"), ("43001-", "43001"),
        ("x43001", "X43001"), ("2134", "02134"), ("2134-5678", "02134"),
    ],
)  # fmt: skip
def test_a_zip_code_has_five_digits_with_a_lost_zero_restored(text, code):
    assert features_of(postal_code=text).postal_code == code


@pytest.mark.parametrize(
    ("text", "state"),
    [("Ohio", "OH"), ("oh", "OH"), ("US-OH", "OH"), ("New York", "NY"), ("Ontario", "ONTARIO"), ("?", None)],
)
def test_a_known_state_becomes_two_letters(text, state):
    assert features_of(state=text).state == state


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("Saint Louis", "ST LOUIS"),
        ("St. Louis", "ST LOUIS"),
        ("fort worth", "FT WORTH"),
        ("Cañon City", "CANON CITY"),
        ("Unknown", None),
    ],
)
def test_a_city_has_one_spelling(text, city):
    assert features_of(city=text).city == city


class TestAddressKeys:
    def test_each_complete_address_has_a_key(self):
        rows = [
            {"address_line1": "61 Lake Drive", "postal_code": "43011"},
            {"address_line1": "12 Oak St", "city": "Dayton"},
            {"address_line1": "PO Box 2", "postal_code": "43000"},
        ]
        assert features_of(addresses=rows).addresses == (
            "12 OAK ST|DAYTON",
            "61 LAKE DR|43011",
            "PO BOX 2|43000",
        )

    @pytest.mark.parametrize(
        "row",
        [
            {"address_line1": "12 Oak St"},
            {"address_line1": "Oak St", "city": "Dayton"},
            {"postal_code": "43001"},
        ],
    )
    def test_an_incomplete_address_has_no_key(self, row):
        assert features_of(addresses=[row]).addresses == ()

    def test_the_columns_are_those_of_the_first_address(self):
        rows = [{"address_line1": "61 Lake Dr"}, {"address_line1": "12 Oak St", "city": "Dayton"}]
        assert parse_home(addresses=rows) == ("61", "LAKE DR", None, None, None, None)


class TestConfidentialAddresses:
    SENT: ClassVar = {
        "address_line1": "77 Secret Way",
        "city": "Dayton",
        "state": "OH",
        "postal_code": "43020",
    }
    NOTHING = (None,) * 6

    def test_a_confidential_address_leaves_nothing_to_compare(self):
        features = features_of(**self.SENT, restrictions=[{"kind": "address_confidential"}])
        assert tuple(getattr(features, column) for column in ADDRESS_COLUMNS) == self.NOTHING
        assert features.addresses == ()

    @pytest.mark.parametrize(
        "line", ["PO Box 2 Capital 43000 (ACP)", "(acp) PO Box 2", "Address Confidentiality Program 7"]
    )
    def test_the_substitute_address_is_not_compared_either(self, line):
        features = features_of(addresses=[self.SENT, {"address_line1": line}])
        assert tuple(getattr(features, column) for column in ADDRESS_COLUMNS) == self.NOTHING
        assert features.addresses == ()

    @pytest.mark.parametrize(
        ("interval", "holds"),
        [
            ({"end": "2026-08-31"}, False),
            ({"end": "2026-09-01"}, False),
            ({"end": "2026-09-02"}, True),
            ({"end": "someday"}, True),
            ({"begin": "2026-12-01"}, True),
        ],
    )
    def test_a_restriction_holds_until_a_readable_end_date_has_come(self, interval, holds):
        restrictions = [{"kind": "address_confidential", **interval}]
        assert (features_of(**self.SENT, restrictions=restrictions).street is None) is holds

    @pytest.mark.parametrize("kind", ["sealed", "expunged", "protective_order", "opt_out"])
    def test_other_restrictions_keep_addresses(self, kind):
        assert features_of(**self.SENT, restrictions=[{"kind": kind}]) == features_of(**self.SENT)


def test_every_abbreviation_maps_to_itself():
    assert all(STREET_SUFFIXES[short] == short for short in STREET_SUFFIXES.values())


NUMBERS = st.from_regex(r"[1-9][0-9]{0,4}", fullmatch=True)
DIRECTIONS = st.sampled_from(["", "N", "North", "SW", "Southwest"])
STREET_NAMES = st.sampled_from(
    [
        "Oak",
        "Martin Luther King",
        "Main",
        "3rd",
        "102",
        "Saint James",
        "La Jolla",
        "Highland Valley",
        "First",
        "Bay Head",
    ]
)
SUFFIXES = st.sampled_from(sorted(STREET_SUFFIXES))
UNITS = st.sampled_from(["", "Apt 3", "#4B", "Unit 7-C", "Lot 12"])
LINES = st.tuples(NUMBERS, DIRECTIONS, STREET_NAMES, SUFFIXES, UNITS).map(
    lambda parts: " ".join(filter(None, parts))
)


@given(LINES)
def test_parsing_a_parsed_address_changes_nothing(line):
    parsed = features_of(address_line1=line, city="Saint Louis", state="Missouri", postal_code="63101-0001")
    fields = {
        "address_line1": f"{parsed.street_number} {parsed.street}",
        "address_line2": parsed.unit,
        "city": parsed.city,
        "state": parsed.state,
        "postal_code": parsed.postal_code,
    }
    assert features_of(**fields) == parsed


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(STORABLE, STORABLE)
def test_any_text_is_parsed_into_non_empty_ascii_parts(line1, line2):
    parts = parse_home(address_line1=line1, address_line2=line2, city=line2, state=line2)
    assert all(part is None or (part and part.isascii()) for part in parts)
