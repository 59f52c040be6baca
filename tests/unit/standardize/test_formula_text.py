"""No cell of a CSV file is a formula, and none is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.standardize.formula_text import escape_formula, unescape_formula

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text):
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("value", ["", "Anne", "O'Brien", "1-2", "a=b", -3.5, 7, None])
def test_other_values_stay(value):
    assert escape_formula(value) == value


@given(st.text(alphabet="'=+-@\t\r\n a1", max_size=8))
def test_every_text_can_be_read_back(text):
    escaped = escape_formula(text)
    assert unescape_formula(escaped) == text
    assert not escaped.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
