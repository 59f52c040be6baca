"""Texts that programs write for no value: in every field as if nothing had been sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import Features
from mpi.standardize.missing_values import has_lost_digits, is_missing_marker
from tests.unit.standardize.record_factory import features_of, issues_of

MARKERS = (
    "#N/A", "#NA", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "########", "nan", "-nan",
    "NaN", "NaT", "<NA>", "none", "null", "undefined", "\\N", "N/A", "n / a", "n.a.", "(blank)", "(Blank)",
    "[null]", "<none>", "(no value)",
)  # fmt: skip
TEXT_FIELDS = (
    "first_name", "middle_name", "last_name", "preferred_name", "birth_date", "sex", "phone", "email", "ssn",
    "birth_city", "birth_state", "birth_country", "address_line1", "address_line2", "city", "postal_code",
    "household_ids", "guardian_first_name", "guardian_last_name",
)  # fmt: skip


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_no_evidence_in_any_field_and_the_source_is_told(field, marker):
    assert features_of(**{field: marker}) == Features(source="sis")
    # Codes of sex say "not stated" themselves, and [null] is an empty JSON list.
    assert issues_of(**{field: marker}) or field == "sex" or (field, marker) == ("household_ids", "[null]")


@given(st.sampled_from(MARKERS))
def test_a_record_of_markers_alone_has_no_features(marker):
    filled = dict.fromkeys(TEXT_FIELDS, marker)
    identifiers = [{"system": "state_student_id", "assigner": "SEA", "value": marker}]
    other_names = [{"first_name": marker, "last_name": marker}]
    assert features_of(**filled, identifiers=identifiers, other_names=other_names) == Features(source="sis")


@pytest.mark.parametrize("name", ["Nan", "NA", "Na", "Null", "None", "Nil", "N", "Blank", "#4 Oak St", "Nat"])
def test_a_name_or_a_street_that_resembles_a_marker_is_none(name):
    assert not is_missing_marker(name)


@given(st.integers(10**9, 10**12 - 1), st.integers(0, 6))
def test_every_number_in_scientific_notation_has_lost_digits(number, decimals):
    assert has_lost_digits(f"{number:.{decimals}E}")
    assert has_lost_digits(f"{number:.{decimals}e}")
    assert not has_lost_digits(str(number))
