"""What is known of the numbers in a condition.

DuckDB counts in 32 bits, and computes fractions that are written out as decimals; Python does neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from mpi.matching.compiler.sql_functions import NotCompilableError, shown

_LARGEST = 2**31 - 1
_DIGITS = 15
"""Of a decimal that is the same double to every engine: as many a double can tell apart."""
_A_LENGTH = 2**15
"""Lengths and counts of edits have 64 bits: no product with one of 32 bits is too large for these."""


class Form(Enum):
    """How DuckDB keeps a number."""

    WHOLE = "whole number"
    DECIMAL = "decimal"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a condition.

    Args:
        form: how DuckDB keeps it.
        most: the most that it can be, either side of zero, if it is whole.
    """

    form: Form
    most: float = 0


LENGTH = Number(Form.WHOLE, _A_LENGTH)
"""A length, or a count of edits."""
YEAR = Number(Form.WHOLE, 9_999)
DOUBLE = Number(Form.DOUBLE)


def of_literal(tree: exp.Literal) -> tuple[Number, float]:
    """A number that is written out, and what it is to Python.

    Raises:
        NotCompilableError: it has more digits than a double can tell apart.
    """
    value = float(tree.name)
    if "e" in tree.name.lower():
        return DOUBLE, value
    if value.is_integer():
        return Number(Form.WHOLE, abs(value)), int(value)
    if len(tree.name.replace(".", "").strip("0")) > _DIGITS:
        raise NotCompilableError(f"{shown(tree)} has more than {_DIGITS} digits")
    return Number(Form.DECIMAL), value


def computed(tree: exp.Expr, left: Number, right: Number) -> Number:
    """A sum, difference or product of two numbers.

    Args:
        tree: says what is computed.
        left: the one.
        right: the other.

    Raises:
        NotCompilableError: DuckDB computes it otherwise than Python, or not at all.
    """
    forms = {left.form, right.form}
    if Form.DOUBLE in forms:
        return DOUBLE
    if Form.DECIMAL in forms:
        raise NotCompilableError(f"{shown(tree)} is computed in decimals: cast the other number to DOUBLE")
    most = left.most * right.most if isinstance(tree, exp.Mul) else left.most + right.most
    if most > _LARGEST:
        raise NotCompilableError(f"{shown(tree)} can be too large for 32 bits: cast a number to DOUBLE")
    return Number(Form.WHOLE, most)


def chosen(numbers: Sequence[Number]) -> Number:
    """One of several numbers, which one is not known."""
    for form in (Form.DOUBLE, Form.DECIMAL):
        if any(number.form is form for number in numbers):
            return Number(form)
    return Number(Form.WHOLE, max(number.most for number in numbers))
