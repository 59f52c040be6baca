"""What is known of the numbers in a condition.

DuckDB counts in 32 bits, and computes fractions that are written out as decimals; Python does neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from mpi.matching.compiler.sql_functions import NotCompilableError, to_duckdb_sql

_MAX_INT32 = 2**31 - 1
_MAX_DECIMAL_DIGITS = 15
"""Of a decimal that is the same double to every engine: as many a double can tell apart."""
_MAX_LENGTH = 2**15
"""Lengths and counts of edits have 64 bits: no product with one of 32 bits is too large for these."""


class NumberForm(Enum):
    """How DuckDB keeps a number."""

    WHOLE = "whole number"
    DECIMAL = "decimal"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A number in a condition.

    Args:
        form: how DuckDB keeps it.
        maximum: the most that it can be, either side of zero, if it is whole.
    """

    form: NumberForm
    maximum: float = 0


LENGTH = NumberRange(NumberForm.WHOLE, _MAX_LENGTH)
"""A length, or a count of edits."""
YEAR = NumberRange(NumberForm.WHOLE, 9_999)
DOUBLE = NumberRange(NumberForm.DOUBLE)


def parse_literal(tree: exp.Literal) -> tuple[NumberRange, float]:
    """A number that is written out, and what it is to Python.

    Raises:
        NotCompilableError: it has more digits than a double can tell apart.
    """
    value = float(tree.name)
    if "e" in tree.name.lower():
        return DOUBLE, value
    if value.is_integer():
        return NumberRange(NumberForm.WHOLE, abs(value)), int(value)
    if len(tree.name.replace(".", "").strip("0")) > _MAX_DECIMAL_DIGITS:
        raise NotCompilableError(f"{to_duckdb_sql(tree)} has more than {_MAX_DECIMAL_DIGITS} digits")
    return NumberRange(NumberForm.DECIMAL), value


def compute_range(tree: exp.Expr, left: NumberRange, right: NumberRange) -> NumberRange:
    """A sum, difference or product of two numbers.

    Args:
        tree: says what is computed.
        left: the one.
        right: the other.

    Raises:
        NotCompilableError: DuckDB computes it otherwise than Python, or not at all.
    """
    forms = {left.form, right.form}
    if NumberForm.DOUBLE in forms:
        return DOUBLE
    if NumberForm.DECIMAL in forms:
        raise NotCompilableError(f"{to_duckdb_sql(tree)} is computed in decimals: cast the other number to DOUBLE")
    most = left.maximum * right.maximum if isinstance(tree, exp.Mul) else left.maximum + right.maximum
    if most > _MAX_INT32:
        raise NotCompilableError(f"{to_duckdb_sql(tree)} can be too large for 32 bits: cast a number to DOUBLE")
    return NumberRange(NumberForm.WHOLE, most)


def merge_ranges(numbers: Sequence[NumberRange]) -> NumberRange:
    """One of several numbers, which one is not known."""
    for form in (NumberForm.DOUBLE, NumberForm.DECIMAL):
        if any(number.form is form for number in numbers):
            return NumberRange(form)
    return NumberRange(NumberForm.WHOLE, max(number.maximum for number in numbers))
