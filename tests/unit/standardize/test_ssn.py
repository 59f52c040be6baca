import pytest

from mpi.standardize.serialization import record_to_bytes, to_canonical_fields
from mpi.standardize.ssn import is_ssn_system
from tests.unit.standardize.record_factory import SEAL, features_of, issues_of, record_of, validate

GOOD = "219-09-9998"
DIGITS = "219099998"


def identifier(system: str, value: str) -> dict[str, str]:
    return {"system": system, "value": value}


@pytest.mark.parametrize("ssn", [GOOD, DIGITS, "219 09 9998", 219099998, f" {GOOD} "])
def test_each_way_to_write_a_number_gives_one_token(ssn):
    record = record_of(ssn=ssn)
    assert record.ssn_token == SEAL.to_token("ssn", DIGITS)
    assert record.ssn_last4_token == SEAL.to_token("ssn4", "9998")


def test_a_number_sent_as_json_gets_its_leading_zero_back():
    assert record_of(ssn=1234567).ssn_token == SEAL.to_token("ssn", "001234567")
    assert record_of(ssn_last4=12).ssn_last4_token == SEAL.to_token("ssn4", "0012")


@pytest.mark.parametrize(
    "number",
    [
        "000-12-3456", "666-12-3456", "900-12-3456", "999-99-9998",
        "219-00-9998", "219-09-0000",
        "111-11-1111", "123-45-6789", "078-05-1120", "219-09-9999",
        "12345678", "1234567890", "219-09-999", "XXX-XX-9998", "2190 99998",
    ],
)  # fmt: skip
def test_a_number_never_issued_is_missing_and_reported(number):
    record = record_of(ssn=number)
    assert (record.ssn_token, record.ssn_last4_token) == (None, None)
    assert issues_of(ssn=number) == {("ssn", "invalid-ssn")}


@pytest.mark.parametrize("number", ["665-12-3456", "667-12-3456", "899-12-3456", "001-01-0001"])
def test_the_numbers_next_to_the_gaps_are_valid(number):
    assert record_of(ssn=number).ssn_token is not None


@pytest.mark.parametrize("four", ["0000", "123", "12345", "x998"])
def test_invalid_last_four_digits_are_missing_and_reported(four):
    assert record_of(ssn_last4=four).ssn_last4_token is None
    assert issues_of(ssn_last4=four) == {("ssn_last4", "invalid-ssn")}


def test_the_last_four_digits_are_used_when_the_whole_number_is_invalid():
    assert record_of(ssn="000-12-3456", ssn_last4="9998").ssn_last4_token == SEAL.to_token("ssn4", "9998")


def test_contradictory_fields_keep_the_whole_number_and_are_reported():
    record = record_of(ssn=GOOD, ssn_last4="1234")
    assert record.ssn_token == SEAL.to_token("ssn", DIGITS)
    assert record.ssn_last4_token == SEAL.to_token("ssn4", "9998")
    assert issues_of(ssn=GOOD, ssn_last4="1234") == {("ssn_last4", "conflicting-ssn")}
    assert issues_of(ssn=GOOD, ssn_last4="9998") == set()


@pytest.mark.parametrize(
    "system",
    [
        "SSN", "ssn", "Social Security Number", "social_security_no", "US-SSN", "us_ssn", "StudentSSN",
        "ssn_last4", "SSN4", "studentSsn", "http://hl7.org/fhir/sid/us-ssn",
        "urn:oid:2.16.840.1.113883.4.1", "S.S.N.",
    ],
)  # fmt: skip
def test_every_usual_name_of_the_ssn_system_is_recognized(system):
    assert is_ssn_system(system)


@pytest.mark.parametrize("system", ["class number", "business_number", "local_student_id", "passnumber", ""])
def test_systems_that_only_contain_the_letters_are_not_recognized(system):
    assert not is_ssn_system(system)


def test_an_identifier_that_is_an_ssn_becomes_tokens_and_leaves_the_identifiers():
    record = record_of(identifiers=[identifier("Social Security Number", GOOD)])
    assert record.identifiers == ()
    assert record.ssn_token == SEAL.to_token("ssn", DIGITS)
    assert record_of(identifiers=[identifier("ssn_last4", "9998")]).ssn_last4_token == SEAL.to_token(
        "ssn4", "9998"
    )


def test_the_field_takes_precedence_over_a_different_identifier():
    fields = {"ssn": GOOD, "identifiers": [identifier("SSN", "219-09-1234")]}
    assert record_of(**fields).ssn_token == SEAL.to_token("ssn", DIGITS)
    assert issues_of(**fields) == {("ssn", "conflicting-ssn")}


def test_an_invalid_ssn_identifier_is_reported_as_an_identifier():
    assert issues_of(identifiers=[identifier("SSN", "000-12-3456")]) == {("identifiers", "invalid-ssn")}


@pytest.mark.parametrize(
    "fields",
    [
        {"ssn": GOOD},
        {"ssn": "666-09-9998"},
        {"ssn": GOOD, "ssn_last4": "1234"},
        {"identifiers": [identifier("SSN", GOOD)]},
        {"identifiers": f'[{{"system": "us-ssn", "value": "{DIGITS}"}}]'},
    ],
)
def test_the_digits_are_nowhere_after_validation(fields):
    validated = validate(**fields)
    # The record's own timestamp has digits, too.
    visible_text = repr(validated) + repr(to_canonical_fields(validated.record)) + repr(features_of(**fields))
    visible_text += record_to_bytes(validated.record).decode()
    for digits in ("9998", "219-09", "219099", "666-09"):
        assert digits not in visible_text.replace(SEAL.to_token("ssn", DIGITS), "").replace(
            SEAL.to_token("ssn4", "9998"), ""
        )


def test_a_whole_number_and_its_last_four_digits_never_share_a_token():
    record = record_of(ssn=GOOD)
    assert record.ssn_token != record.ssn_last4_token
