"""Names in title case: capitals that a rule knows, and text that is left as it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.standardize.name.title_case import format_given_name, format_last_name, format_name, format_suffix
from mpi.standardize.text_folding import squeeze


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("BOLNBACH", "Bolnbach"),
        ("bolnbach", "Bolnbach"),
        ("MCDONALD", "McDonald"),
        ("MACDONALD", "MacDonald"),
        ("MACIAS", "Macias"),
        ("MACHADO", "Machado"),
        ("O'NEIL", "O'Neil"),
        ("O’NEIL", "O’Neil"),
        ("D'ANGELO", "D'Angelo"),
        ("DE LA CRUZ", "de la Cruz"),
        ("DEL RIO", "del Rio"),
        ("GARCIA Y VEGA", "Garcia y Vega"),
        ("LA ROSA", "La Rosa"),
        ("VAN BUREN", "Van Buren"),
        ("VAN DER BERG", "van der Berg"),
        ("SMITH-JONES", "Smith-Jones"),
        ("ST. JOHN", "St. John"),
        ("SMITH III", "Smith III"),
        ("VAN", "Van"),
        ("DE", "De"),
        ("MUÑOZ", "Muñoz"),
        ("MUN\u0303OZ", "Muñoz"),
        ("  TWO   SPACES ", "Two Spaces"),
    ],
)
def test_a_last_name_of_one_case_gets_its_capitals(sent, shown):
    assert format_last_name(sent) == shown


@pytest.mark.parametrize("written", ["McDonald", "de la Cruz", "DeShawn", "LaToya", "van Dyke", "MacIntyre"])
def test_a_name_in_mixed_case_is_kept(written):
    assert format_last_name(written) == format_given_name(written) == written


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("JA'NAY", "Ja'Nay"),
        ("MARY-ANN", "Mary-Ann"),
        ("MACKENZIE", "Mackenzie"),
        ("J.R.", "J.R."),
        ("J", "J"),
    ],
)
def test_a_given_name_gets_its_capitals(sent, shown):
    assert format_given_name(sent) == shown


@pytest.mark.parametrize(
    ("sent", "shown"), [("JR", "Jr."), ("jr.", "Jr."), ("iii", "III"), ("II", "II"), ("ESQ", "Esq"), ("", "")]
)
def test_a_suffix_has_its_usual_form(sent, shown):
    assert format_suffix(sent) == shown


def test_a_name_is_joined_without_its_missing_parts():
    assert format_name("GOLDIA", None, "BOLNBACH", "JR") == "Goldia Bolnbach Jr."
    assert format_name(None, None, None, None) == ""


def test_a_letter_without_a_capital_and_one_after_a_digit_stay_small():
    assert format_given_name("STAR1A") == "Star1a"
    assert format_last_name("µ") == "µ"
    assert format_last_name("ßen") == "ßen"


@given(st.text(st.characters(codec="latin-1", categories=("L", "Zs", "Pd", "Po")), max_size=20))
def test_letters_are_never_changed_and_a_second_time_changes_nothing(text):
    shown = format_last_name(text)
    assert squeeze(shown) == squeeze(text)
    assert format_last_name(shown) == shown
