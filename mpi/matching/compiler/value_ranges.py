"""Ranges of numbers in a condition, to refuse what DuckDB computes differently.

DuckDB counts in 32 bits, and computes written-out fractions as decimals; Python does neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from mpi.matching.compiler.sql_functions import NotCompilableError, to_duckdb_sql

_MAX_INT32 = 2**31 - 1
_MAX_DECIMAL_DIGITS = 15
"""Most digits of a decimal that is the same double in every engine."""
_MAX_LENGTH = 2**15
"""Assumed maximum of a length or edit distance.

DuckDB computes them in 64 bits: no product with a number of 32 bits is too large.
"""


class NumberForm(Enum):
    """DuckDB's representation of a number."""

    WHOLE = "whole number"
    DECIMAL = "decimal"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Representation and range of a number in a SQL condition.

    Args:
        form: DuckDB's representation.
        maximum: largest absolute value, if it is whole.
    """

    form: NumberForm
    maximum: float = 0


LENGTH = NumberRange(NumberForm.WHOLE, _MAX_LENGTH)
"""Range of a length or edit distance."""
YEAR = NumberRange(NumberForm.WHOLE, 9_999)
"""Range of a year."""
DOUBLE = NumberRange(NumberForm.DOUBLE)
"""Range of a double."""


def parse_literal(tree: exp.Literal) -> tuple[NumberRange, float]:
    """Return the range and Python value of a number written in SQL.

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
    """Return the range of a SQL sum, difference or product.

    Args:
        tree: the arithmetic expression.
        left: range of the left operand.
        right: range of the right operand.

    Raises:
        NotCompilableError: DuckDB computes it otherwise than Python, or not at all.
    """
    forms = {left.form, right.form}
    if NumberForm.DOUBLE in forms:
        return DOUBLE
    if NumberForm.DECIMAL in forms:
        raise NotCompilableError(
            f"{to_duckdb_sql(tree)} is computed in decimals: cast the other number to DOUBLE"
        )
    maximum = left.maximum * right.maximum if isinstance(tree, exp.Mul) else left.maximum + right.maximum
    if maximum > _MAX_INT32:
        raise NotCompilableError(
            f"{to_duckdb_sql(tree)} can be too large for 32 bits: cast a number to DOUBLE"
        )
    return NumberRange(NumberForm.WHOLE, maximum)


def merge_ranges(numbers: Sequence[NumberRange]) -> NumberRange:
    """Return a range that covers those of several numbers."""
    for form in (NumberForm.DOUBLE, NumberForm.DECIMAL):
        if any(number.form is form for number in numbers):
            return NumberRange(form)
    return NumberRange(NumberForm.WHOLE, max(number.maximum for number in numbers))
