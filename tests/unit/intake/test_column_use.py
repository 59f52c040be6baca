"""Values set aside are told by reason and shape, never by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.intake.column_use import (
    ColumnUse,
    SetAsideCounter,
    SetAsideValues,
    describe_cost,
    describe_set_aside,
    describe_shape,
)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("SW1 9zz", "AA9 9AA"), ("31/12/1899", "99/99/9999"), ("Åsa\U0001f3e0", "AAA?"), (7, "9"), ("", ""),
        ("x" * 30, "A" * 24 + "…"), (["a"], "list"), ('[{"city": "Bath"}]', "list"), ("a@b.uk", "A@A.AA"),
    ],
)  # fmt: skip
def test_a_shape_shows_letters_and_digits_as_such(value, shape):
    assert describe_shape(value) == shape


@given(st.text())
def test_no_letter_or_digit_of_a_value_survives_in_its_shape(text):
    assert set(describe_shape(text)) - set("lists") <= set("A9? -/.,()#+:@_'&…")


def test_the_commonest_reasons_and_shapes_come_first():
    counter = SetAsideCounter()
    for value, rows in (("a", 1), ("99", 5), ("b1", 2), ("c-c-c", 1), ("7", 1)):
        counter.add("invalid-phone", value, rows)
    counter.add("placeholder-value", None, 20)
    assert counter.list_values() == (
        SetAsideValues("placeholder-value", 20),
        SetAsideValues("invalid-phone", 10, ("99", "A9", "9")),
    )


def test_the_cost_of_lost_values_is_told():
    lost = (SetAsideValues("invalid-phone", 10, ("999", "A")),)
    assert describe_set_aside(ColumnUse("phone", 10, lost)) == "10 invalid-phone (999, A)"
    assert "no value of phone can be used" in (describe_cost(ColumnUse("phone", 10, lost)) or "")
    assert "25% of the values of phone" in (describe_cost(ColumnUse("phone", 40, lost)) or "")
    assert describe_cost(ColumnUse("phone", 1_000, lost)) is None
    assert describe_cost(ColumnUse("phone", 1_000)) is None
    assert describe_cost(ColumnUse("phone", 0)) is None
