import pytest

from tests.unit.standardize.record_factory import features_of


@pytest.mark.parametrize(
    "name",
    [
        "Baby Boy", "Baby Girl", "BABYBOY", "Baby Boy A", "Baby Boy Smith", "baby girl 2", "Baby", "Baby B",
        "BG A", "BB", "BG", "B Boy", "Boy", "Girl", "Boy A", "Male", "Female", "Female Child", "Infant",
        "Infant Boy", "Infant of Mary", "Infant A", "Newborn", "Unborn Child", "Child", "Child 1", "Fetus",
        "Twin B", "Twin", "Triplet C", "Unknown", "UNK", "Unnamed", "No Name", "None", "NULL", "N/A",
        "n / a", "Test",
        "#N/A", "#REF!", "#NAME?", "nan", "NaN", "<NA>", "n.a.", "(blank)", "(none)", "[null]", "\\N", "####",
        "undefined", "Missing", "Total", "Grand Total", "Total: 412", "Sub-total", "Total Students",
        "Record count", "End of report",
        "XXX", "xx", "FNU", "TBD", "?", "-", "...", "😀",
    ],
)  # fmt: skip
def test_a_placeholder_given_name_is_missing(name):
    features = features_of(first_name=name, other_names=[{"first_name": name}])
    assert (features.given, features.given_forms, features.given_roots) == (None, (), ())


@pytest.mark.parametrize(
    "name",
    [
        "Boyd",
        "Noah",
        "Nona",
        "Na",
        "Xander",
        "Xuxa",
        "Testa",
        "Girlie",
        "Malek",
        "Babyface",
        "Jo",
        "AA",
        "LL",
        "Nula",
        "Nan",
        "Nil",
        "Totaline",
        "Blanka",
        "Unkas",
    ],
)
def test_a_name_that_only_resembles_a_placeholder_is_kept(name):
    assert features_of(first_name=name).given == name.upper()


@pytest.mark.parametrize(
    "name",
    [
        "Unknown",
        "UNK",
        "No Last Name",
        "LNU",
        "N/A",
        "XXX",
        "-",
        "#N/A",
        "nan",
        "null",
        "(blank)",
        "Total",
        "Baby Girl",
        "Infant Boy",
    ],
)
def test_a_placeholder_last_name_is_missing(name):
    features = features_of(last_name=name)
    assert (features.surname, features.surname_tokens, features.surname_forms) == (None, (), ())


@pytest.mark.parametrize(
    "name", ["Null", "None", "Test", "Na", "Nan", "Blank", "Baby", "Boy", "Doe", "Infante"]
)
def test_real_last_names_that_look_like_placeholders_are_kept(name):
    assert features_of(last_name=name).surname == name.upper()


@pytest.mark.parametrize(
    "name", ["Baby Boy A", "BG B", "BB 1", "Twin B", "Twin", "Triplet C", "Boy B", "Infant A", "Baby A"]
)
def test_a_placeholder_with_a_letter_for_each_child_marks_a_multiple_birth(name):
    assert features_of(first_name=name).multiple_birth is True
    assert features_of(first_name=name, multiple_birth=False).multiple_birth is True


@pytest.mark.parametrize("name", ["Baby Boy", "Baby Boy Adams", "Boyd", "BG", "Infant", "Ana", "Baby B"])
def test_any_other_name_marks_no_multiple_birth(name):
    assert features_of(first_name=name).multiple_birth is None


@pytest.mark.parametrize("stated", [True, False, None])
def test_the_sources_statement_on_multiple_birth_is_kept(stated):
    assert features_of(first_name="Ana", multiple_birth=stated).multiple_birth is stated


@pytest.mark.parametrize("marker", ["#N/A", "nan", "(blank)", "null", "N/A"])
def test_a_marker_of_no_value_is_no_middle_name_and_no_guardian(marker):
    guardian = {"guardian_first_name": marker, "guardian_last_name": marker}
    features = features_of(middle_name=marker, guardians=[guardian])
    assert (features.middle, features.guardians, features.guardian_surnames) == (None, (), ())
