"""Standardized records as a whole: their invariants, and the hard cases of the field."""

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.standardize.serialization import features_to_bytes
from mpi.standardize.standardizer import standardize
from tests.unit.standardize.record_factory import SEAL, features_of, record_of

CHILD = {
    "first_name": "Ana", "middle_name": "Lucía", "last_name": "Ruiz-Díaz", "birth_date": "2012-03-04",
    "sex": "F",
    "address_line1": "12 Oak St", "city": "Dayton", "state": "OH", "postal_code": "45402",
    "phone": "614-555-0134",
    "guardian_first_name": "Dana", "guardian_last_name": "Ruiz", "ssn": "219-09-9998", "birth_city": "Lima",
    "birth_state": "Ohio", "household_ids": "H1", "email": "dana@example.org", "suffix": "Jr",
    "multiple_birth": "N",
    "address_line2": "Apt 3", "identifiers": [{"system": "ssid", "assigner": "OH", "value": "901234567"}],
}  # fmt: skip


def test_every_column_can_be_filled():
    home = {"address_line1": "9 Lake Dr", "postal_code": "43011", "type": "placement"}
    flat = ("address_line1", "address_line2", "city", "state", "postal_code")
    own_address = {name: CHILD[name] for name in flat}
    features = features_of(**CHILD, addresses=[own_address, home])
    empty = [name for name in FEATURE_COLUMNS if getattr(features, name) in (None, ())]
    assert empty[0] == "shared_homes", "the configuration fills it, not the record"
    assert all("token" in name for name in empty[1:]), "only an index in an exchange fills these"


def test_features_of_a_record_are_unchanged_under_this_version():
    # Every index stores them: raise STANDARDIZER_VERSION where this must change.
    fields = CHILD | {
        "first_name": "Bill (William) José",
        "preferred_name": "Billy",
        "previous_birth_dates": "2012-04-03|2012",
        "other_names": "Mac Donald, Ana|Baby Girl B",
        "phone": "(614) 555-0134; +52 55 5345 6789",
        "guardians": [
            {"guardian_first_name": "Dana", "guardian_last_name": "Ruiz"},
            {"guardian_first_name": "Liz O'Brien"},
        ],
        "addresses": [
            {
                name: CHILD[name]
                for name in ("address_line1", "address_line2", "city", "state", "postal_code")
            },
            {"address_line1": "PO Box 7", "city": "St. Paul", "type": "foster home"},
        ],
    }
    stored = features_to_bytes(features_of(**fields))
    # Columns of linkage tokens came later, and are empty outside of an exchange.
    before_tokens = stored.removesuffix(b",[],[],[],[],[],[]]") + b"]"
    assert (
        hashlib.sha256(before_tokens).hexdigest()
        == "edc0cf93082f3798205bc239a25eecac74ee7b417f60fec14b2a4cca25c5c5a6"
    )


def test_an_empty_record_has_no_features_but_its_source():
    assert features_of() == Features(source="sis")


FLAGS = st.lists(
    st.fixed_dictionaries(
        {
            "population": st.sampled_from(["foster_care", "homeless", "english_learner", "idea"]),
            "value": st.sampled_from("YNU"),
        }
    ),
    max_size=4,
)


@given(
    FLAGS,
    st.lists(st.text("AB", min_size=1), max_size=3),
    st.sampled_from([None, "Hispanic", "Not Hispanic"]),
)
def test_flags_race_and_ethnicity_change_nothing(flags, race, ethnicity):
    assert features_of(**CHILD, flags=flags, race=race, ethnicity=ethnicity) == features_of(**CHILD)


@given(
    st.lists(st.sampled_from(["sealed", "expunged", "address_confidential", "protective_order", "opt_out"]))
)
def test_a_restriction_can_only_remove_evidence(kinds):
    features = features_of(**CHILD, restrictions=[{"kind": kind} for kind in kinds])
    for name in FEATURE_COLUMNS:
        assert getattr(features, name) in (getattr(features_of(**CHILD), name), None, ())


def test_enrollments_placements_and_the_local_id_are_not_used():
    unused_fields = {
        "local_id": "r2",
        "school_id": "S1",
        "entry_date": "2026-08-20",
        "placements": [{"begin": "2026-01-01"}],
    }
    assert features_of(**CHILD, **unused_fields) == features_of(**CHILD)


def test_the_source_is_named_and_prefixes_its_household_ids():
    record = record_of(**CHILD)
    sis, ccwis = standardize(record, "sis", SEAL), standardize(record, "ccwis", SEAL)
    differing = {name for name in FEATURE_COLUMNS if getattr(sis, name) != getattr(ccwis, name)}
    assert differing == {"household_ids", "household_system", "source"}
    assert sis.source == "sis"


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=25)
TEXT_FIELDS = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date", "birth_date_quality",
    "sex", "phone", "email", "address_line1", "address_line2", "city", "state", "postal_code", "birth_city",
    "birth_state", "guardian_first_name", "guardian_last_name", "ssn", "ssn_last4",
)  # fmt: skip
ANYTHING = st.fixed_dictionaries({}, optional=dict.fromkeys(TEXT_FIELDS, STORABLE))


@given(ANYTHING)
def test_a_column_is_missing_rather_than_empty(fields):
    features = features_of(**fields)
    for name in FEATURE_COLUMNS:
        value = getattr(features, name)
        if name in LIST_COLUMNS:
            assert isinstance(value, tuple)
            assert all(value)
            assert list(value) == sorted(set(value))
        else:
            assert value != ""


@pytest.mark.parametrize(
    ("code", "sex"),
    [
        ("Male", "M"), ("m", "M"), ("1", "M"), (1, "M"), ("Boy", "M"), ("Female", "F"), ("2", "F"),
        ("girl", "F"),
        ("X", "X"), ("NotSelected", "X"), ("Not Selected", "X"), ("Non-binary", "X"), ("Unknown", None),
        ("Q", None),
    ],
)  # fmt: skip
def test_sex_codes_of_every_source_become_three_codes(code, sex):
    assert features_of(sex=code).sex == sex


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"birth_city": "Lima", "birth_state": "Ohio", "birth_country": "USA"}, "LIMA|OH|US"),
        ({"birth_city": "Lima", "birth_state": "OH"}, "LIMA|OH|US"),
        ({"birth_city": "Lima", "birth_country": "Perú"}, "LIMA||PERU"),
        ({"birth_state": "OH", "birth_country": "US"}, None),
    ],
)
def test_a_birth_place_requires_a_city(fields, place):
    assert features_of(**fields).birth_place == place


class TestHardCases:
    """Hard cases of record linkage that standardization must prepare."""

    def test_two_last_names_share_a_part_with_one_of_them(self):
        two_names, one_name = features_of(last_name="Garcia Martinez"), features_of(last_name="Garcia")
        assert set(two_names.surname_tokens) & set(one_name.surname_tokens) == {"GARCIA"}

    def test_two_last_names_are_equal_in_either_order_and_with_a_hyphen(self):
        hyphenated, reversed_names = (
            features_of(last_name="Lopez-Ramirez"),
            features_of(last_name="Ramirez Lopez"),
        )
        assert hyphenated.surname_tokens == reversed_names.surname_tokens

    def test_a_placeholder_of_a_twin_is_no_name_and_marks_a_multiple_birth(self):
        features = features_of(first_name="Baby Boy A", last_name="Smith")
        assert (features.given, features.multiple_birth) == (None, True)

    def test_a_truncated_compound_name_shares_its_first_part(self):
        truncated = features_of(first_name="Christopher-Mic", last_name="Vandenberg")
        complete = features_of(first_name="Christopher", middle_name="Michael", last_name="Van Den Berg")
        assert "CHRISTOPHER" in set(truncated.given_forms) & set(complete.given_forms)
        assert truncated.surname == complete.surname == "VANDENBERG"

    def test_a_recorded_name_change_shares_a_last_name(self):
        before, after = features_of(last_name="Diaz"), features_of(last_name="Olsen", other_names="Emma Diaz")
        assert set(before.surname_forms) & set(after.surname_forms) == {"DIAZ"}

    def test_a_corrected_birth_date_shares_the_earlier_one(self):
        before = features_of(birth_date="2011-01-01")
        after = features_of(birth_date="2011-04-17", previous_birth_dates=["2011-01-01"])
        assert before.birth_date in after.birth_dates

    def test_swapped_day_and_month_match(self):
        first, second = features_of(birth_date="2012-04-07"), features_of(birth_date="2012-07-04")
        assert (first.birth_date_swapped, second.birth_date_swapped) == (second.birth_date, first.birth_date)

    def test_a_missing_suffix_leaves_the_names_equal(self):
        with_suffix, without_suffix = features_of(last_name="Hayes Jr"), features_of(last_name="Hayes")
        assert with_suffix.surname == without_suffix.surname
        assert (with_suffix.suffix, without_suffix.suffix) == ("JR", None)

    def test_a_single_name_in_both_fields_is_no_last_name(self):
        in_one_field, in_both_fields = (
            features_of(first_name="Htoo"),
            features_of(first_name="Htoo", last_name="Htoo"),
        )
        assert in_one_field == in_both_fields

    def test_a_foster_parent_is_no_guardian(self):
        guardian = {
            "guardian_first_name": "P.",
            "guardian_last_name": "Ortiz",
            "guardian_relationship": "foster parent",
        }
        assert features_of(**guardian).guardians == ()

    def test_a_confidential_address_is_not_compared(self):
        assert features_of(address_line1="PO Box 2 Capital 43000 (ACP)", city="Capital").addresses == ()


def test_importing_does_not_load_the_list_of_nicknames():
    code = (
        "import sys, mpi.standardize.standardizer; "
        "from mpi.standardize.name.nicknames import _load_formal_names;"
        "sys.exit(_load_formal_names.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
