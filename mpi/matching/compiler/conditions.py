"""Translation of a SQL condition to an equivalent Python expression.

SQL has three truth values, Python's ``not None`` is true, so a condition is never translated as it stands:
``translate_true`` writes an expression for "is TRUE", ``translate_false`` one for "is FALSE", and each
guards every operand against missing values. What is not listed here is refused, never approximated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import sqlglot
from sqlglot import exp

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS
from mpi.matching.compiler.regex_dialect import is_portable_pattern
from mpi.matching.compiler.sql_functions import (
    STRING_FUNCTIONS,
    NotCompilableError,
    parse_function_call,
    parse_pairwise_call,
    to_duckdb_sql,
)
from mpi.matching.compiler.symmetry import is_symmetric
from mpi.matching.compiler.value_ranges import (
    DOUBLE,
    LENGTH,
    YEAR,
    NumberRange,
    compute_range,
    merge_ranges,
    parse_literal,
)

NUMBER_COLUMNS = frozenset({"birth_year"})
"""Feature columns that hold an integer."""
BOOLEAN_COLUMNS = frozenset({"multiple_birth"})
"""Feature columns that hold a truth value."""
DATE_COLUMNS = frozenset({"birth_date", "birth_date_swapped"})
"""Feature columns that hold a date as text, or nothing."""
DATE_FORMAT = "%Y-%m-%d"
"""Format of the dates in feature columns."""


class OperandKind(Enum):
    """Type of a value in a model's SQL condition."""

    TEXT = "text"
    NUMBER = "number"
    LIST = "list of texts"
    TRUTH = "truth value"
    TIME = "timestamp"


@dataclass(frozen=True, slots=True)
class Operand:
    """Operand of a SQL condition, translated to Python.

    Args:
        code: the Python expression; only evaluated where every guard held.
        kind: its type.
        guards: Python expressions, in order, that are all true where the value is not NULL.
        number: range of the value, if it is a number.
        may_be_empty: whether it is a text that can be empty; no column holds an empty text.
    """

    code: str
    kind: OperandKind
    guards: tuple[str, ...] = ()
    number: NumberRange = DOUBLE
    may_be_empty: bool = False


_OPERATORS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.EQ: ("==", "!="),
    exp.NEQ: ("!=", "=="),
    exp.LT: ("<", ">="),
    exp.LTE: ("<=", ">"),
    exp.GT: (">", "<="),
    exp.GTE: (">=", "<"),
}
_CHOICE_FUNCTIONS: dict[type[exp.Expr], str] = {exp.Least: "least", exp.Greatest: "greatest"}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_LETTER_SIMILARITIES = frozenset({"jaro_winkler", "jaro", "jaccard"})
"""Similarities that are not defined alike for two empty texts.

DuckDB says 0, or fails, where Python says 1.
"""
_EDIT_DISTANCES = frozenset({"levenshtein", "damerau_levenshtein"})


@dataclass(slots=True)
class Translator:
    """Translator of one model's SQL conditions to Python.

    Args:
        variables: Python variable of each column and side that was read, such as ``given_l``.
        temporaries: number of temporary variables so far.
    """

    variables: dict[str, None] = field(default_factory=dict)
    temporaries: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Feature columns that the translated conditions read, in order."""
        columns_read = {variable[:-2] for variable in self.variables}
        return tuple(column for column in FEATURE_COLUMNS if column in columns_read)

    def translate_condition(self, sql: str) -> str:
        """Write Python that is true where DuckDB finds the SQL condition TRUE.

        Raises:
            NotCompilableError: names what was not understood.
        """
        return self.translate_true(_parse_sql(sql))

    def translate_symmetric(self, sql: str) -> str:
        """Translate a SQL condition that must not depend on the records' order.

        Raises:
            NotCompilableError: names what was not understood, or says that the condition depends on which
                record is left.
        """
        tree = _parse_sql(sql)
        translated = self.translate_true(tree)
        if not is_symmetric(tree):
            raise NotCompilableError(f"{to_duckdb_sql(tree)} depends on which of the two records is left")
        return translated

    def translate_true(self, tree: exp.Expr) -> str:
        """Write Python that is true where the SQL expression is TRUE."""
        return self._translate_truth(tree, wanted=True)

    def translate_false(self, tree: exp.Expr) -> str:
        """Write Python that is true where the SQL expression is FALSE."""
        return self._translate_truth(tree, wanted=False)

    def _translate_truth(self, tree: exp.Expr, *, wanted: bool) -> str:  # noqa: PLR0911 - one return a form
        match tree:
            case exp.Paren():
                return self._translate_truth(tree.this, wanted=wanted)
            case exp.Not():
                return self._translate_truth(tree.this, wanted=not wanted)
            case exp.And() | exp.Or():
                is_conjunction = isinstance(tree, exp.And) == wanted
                left = self._translate_truth(tree.left, wanted=wanted)
                right = self._translate_truth(tree.right, wanted=wanted)
                return f"({left} {'and' if is_conjunction else 'or'} {right})"
            case exp.Boolean():
                return str(bool(tree.this) == wanted)
            case exp.Is():
                return self._translate_is(tree, wanted=wanted)
            case exp.In() | exp.Between():
                return self._translate_truth(_expand_range(tree), wanted=wanted)
            case _ if type(tree) in _OPERATORS:
                return self._translate_comparison(tree, wanted=wanted)
            case _:
                value = self.translate_operand(tree)
                if value.kind is not OperandKind.TRUTH:
                    raise NotCompilableError(f"{to_duckdb_sql(tree)} is not a truth value")
                return _join_guards(value.guards, value.code if wanted else f"not {value.code}")

    def _translate_is(self, tree: exp.Expr, *, wanted: bool) -> str:
        if isinstance(tree.expression, exp.Null):
            guards = self.translate_operand(tree.this).guards
            present = " and ".join(guards) if guards else "True"
            return f"(not ({present}))" if wanted else f"({present})"
        if isinstance(tree.expression, exp.Boolean):
            truth = self._translate_truth(tree.this, wanted=bool(tree.expression.this))
            return truth if wanted else f"(not {truth})"
        raise NotCompilableError(f"{to_duckdb_sql(tree)} is not IS NULL, IS TRUE or IS FALSE")

    def _translate_comparison(self, tree: exp.Expr, *, wanted: bool) -> str:
        left, right = self.translate_operand(tree.this), self.translate_operand(tree.expression)
        is_ordering = not isinstance(tree, exp.EQ | exp.NEQ)
        if left.kind is not right.kind or (
            is_ordering and left.kind in {OperandKind.LIST, OperandKind.TRUTH}
        ):
            raise NotCompilableError(
                f"{to_duckdb_sql(tree)} compares a {left.kind.value} with a {right.kind.value}"
            )
        operator = _OPERATORS[type(tree)][0 if wanted else 1]
        return _join_guards(left.guards + right.guards, f"{left.code} {operator} {right.code}")

    def translate_operand(self, tree: exp.Expr) -> Operand:  # noqa: C901, PLR0911 - one return a form
        """Translate an operand of a SQL condition to Python.

        Raises:
            NotCompilableError: it is none of the supported forms.
        """
        match tree:
            case exp.Paren():
                return self.translate_operand(tree.this)
            case exp.Column():
                return self._translate_column(tree)
            case exp.Literal():
                return _translate_literal(tree)
            case exp.Neg() | exp.Abs():
                inner = self._translate_number(tree.this)
                sign = "-" if isinstance(tree, exp.Neg) else "abs"
                return Operand(f"{sign}({inner.code})", OperandKind.NUMBER, inner.guards, inner.number)
            case exp.Add() | exp.Sub() | exp.Mul():
                left, right = self._translate_number(tree.this), self._translate_number(tree.expression)
                code = f"({left.code} {_ARITHMETIC[type(tree)]} {right.code})"
                number = compute_range(tree, left.number, right.number)
                return Operand(code, OperandKind.NUMBER, left.guards + right.guards, number)
            case exp.Cast():
                return self._translate_cast(tree)
            case exp.Substring() | exp.Left():
                return self._translate_substring(tree)
            case exp.Nullif():
                return self._translate_null_if(tree)
            case exp.Least() | exp.Greatest():
                return self._translate_choice(tree)
            case exp.RegexpExtract():
                return self._translate_extract(tree)
            case exp.ArrayMax() | exp.ArrayMin():
                return self._translate_pairwise(tree)
            case _:
                return self._translate_function(tree)

    def _translate_column(self, tree: exp.Column) -> Operand:
        column, side = tree.name[:-2], tree.name[-2:].lower()
        if column not in FEATURE_COLUMNS or side not in {"_l", "_r"}:
            raise NotCompilableError(f"{tree.name} is not a column of Features with _l or _r")
        variable = column + side
        self.variables[variable] = None
        return Operand(variable, _find_column_kind(column), (f"{variable} is not None",), YEAR)

    def is_list(self, tree: exp.Expr) -> bool:
        """Return whether an operand of a SQL condition is a text list.

        Raises:
            NotCompilableError: it is no operand.
        """
        return self.translate_operand(tree).kind is OperandKind.LIST

    def _translate_number(self, tree: exp.Expr) -> Operand:
        value = self.translate_operand(tree)
        if value.kind is not OperandKind.NUMBER:
            raise NotCompilableError(f"{to_duckdb_sql(tree)} is not a number")
        return value

    def _translate_cast(self, tree: exp.Cast) -> Operand:
        value = self.translate_operand(tree.this)
        target = tree.to.sql(dialect="duckdb").upper()
        if value.kind is OperandKind.TEXT and target in {"TEXT", "VARCHAR"}:
            return value
        if value.kind is OperandKind.NUMBER and target in {"DOUBLE", "FLOAT8"}:
            return Operand(f"float({value.code})", OperandKind.NUMBER, value.guards, DOUBLE)
        raise NotCompilableError(f"{to_duckdb_sql(tree)} is a cast that is not supported")

    def _translate_substring(self, tree: exp.Expr) -> Operand:
        value = self.translate_operand(tree.this)
        start = 1 if isinstance(tree, exp.Left) else _parse_position(tree.args.get("start"))
        length = _parse_position(tree.expression if isinstance(tree, exp.Left) else tree.args.get("length"))
        if value.kind is not OperandKind.TEXT or start < 1 or length < 0:
            raise NotCompilableError(f"{to_duckdb_sql(tree)} is not a substring of a text by positions")
        code = f"{value.code}[{start - 1}:{start - 1 + length}]"
        return Operand(
            code, OperandKind.TEXT, value.guards, may_be_empty=start > 1 or not length or value.may_be_empty
        )

    def _translate_null_if(self, tree: exp.Nullif) -> Operand:
        value, literal = self.translate_operand(tree.this), self.translate_operand(tree.expression)
        if value.kind is not OperandKind.TEXT or not isinstance(tree.expression, exp.Literal):
            raise NotCompilableError(f"{to_duckdb_sql(tree)} is not NULLIF of a text and a text in quotes")
        name = self._make_temporary()
        guard = f"({name} := {value.code}) != {literal.code}"
        may_be_empty = value.may_be_empty and tree.expression.name != ""
        return Operand(name, value.kind, (*value.guards, guard), may_be_empty=may_be_empty)

    def _translate_choice(self, tree: exp.Expr) -> Operand:
        # Of several values these pass over the missing ones; all missing gives NULL.
        values = [self._translate_number(operand) for operand in (tree.this, *tree.expressions)]
        codes = [f"({value.code} if {' and '.join(value.guards or ('True',))} else None)" for value in values]
        name = self._make_temporary()
        guard = f"({name} := {_CHOICE_FUNCTIONS[type(tree)]}({', '.join(codes)})) is not None"
        return Operand(name, OperandKind.NUMBER, (guard,), merge_ranges([value.number for value in values]))

    def _translate_extract(self, tree: exp.RegexpExtract) -> Operand:
        value, pattern = self.translate_operand(tree.this), tree.expression
        group = tree.args.get("group")
        is_whole_match = group is None or (isinstance(group, exp.Literal) and group.name == "0")
        other_arguments = [key for key in ("position", "occurrence", "parameters") if tree.args.get(key)]
        is_portable = (
            isinstance(pattern, exp.Literal) and pattern.is_string and is_portable_pattern(pattern.name)
        )
        if value.kind is not OperandKind.TEXT or not is_whole_match or other_arguments or not is_portable:
            raise NotCompilableError(
                f"{to_duckdb_sql(tree)} has a pattern that is not the same to every engine"
            )
        code = f"regexp_extract({value.code}, {pattern.name!r})"
        return Operand(code, OperandKind.TEXT, value.guards, may_be_empty=True)

    def _translate_pairwise(self, tree: exp.Expr) -> Operand:
        name, columns = parse_pairwise_call(tree)
        sides = [self._translate_column(column) for column in columns]
        if any(side.kind is not OperandKind.LIST for side in sides):
            raise NotCompilableError(f"{to_duckdb_sql(tree)} is not about two lists of texts")
        code = f"{name}({', '.join(side.code for side in sides)})"
        number = LENGTH if name.endswith(tuple(_EDIT_DISTANCES)) else DOUBLE
        return Operand(code, OperandKind.NUMBER, sides[0].guards + sides[1].guards, number)

    def _make_temporary(self) -> str:
        self.temporaries += 1
        return f"t{self.temporaries}"

    def _translate_function(self, tree: exp.Expr) -> Operand:  # noqa: PLR0911 - one return a form
        name, arguments = parse_function_call(tree)
        values = tuple(self.translate_operand(argument) for argument in arguments)
        guards = tuple(guard for value in values for guard in value.guards)
        codes = [value.code for value in values]
        match name, tuple(value.kind for value in values):
            case (name_of_similarity, (OperandKind.TEXT, OperandKind.TEXT)) if (
                name_of_similarity in STRING_FUNCTIONS
            ):
                return _translate_similarity(tree, STRING_FUNCTIONS[name_of_similarity], values, guards)
            case ("starts_with", (OperandKind.TEXT, OperandKind.TEXT)):
                return Operand(f"{codes[0]}.startswith({codes[1]})", OperandKind.TRUTH, guards)
            case ("length", (OperandKind.TEXT | OperandKind.LIST,)) | ("array_length", (OperandKind.LIST,)):
                return Operand(f"len({codes[0]})", OperandKind.NUMBER, guards, LENGTH)
            case ("list_has_any", (OperandKind.LIST, OperandKind.LIST)):
                return Operand(f"share_any({codes[0]}, {codes[1]})", OperandKind.TRUTH, guards)
            case ("list_intersect", (OperandKind.LIST, OperandKind.LIST)):
                return Operand(f"shared({codes[0]}, {codes[1]})", OperandKind.LIST, guards)
            case ("list_contains", (OperandKind.LIST, OperandKind.TEXT)):
                return Operand(f"({codes[1]} in {codes[0]})", OperandKind.TRUTH, guards)
            case ("try_strptime", (OperandKind.TEXT, OperandKind.TEXT)) if _is_date_column(*arguments):
                return self._translate_date(codes[0], guards)
            case ("epoch", (OperandKind.TIME,)):
                return Operand(codes[0], OperandKind.NUMBER, guards, DOUBLE)
            case _:
                pass
        raise NotCompilableError(f"{to_duckdb_sql(tree)} uses a function that is not supported")

    def _translate_date(self, code: str, guards: tuple[str, ...]) -> Operand:
        # A text that is no date gives NULL, so the result is kept in a variable that the guard tests.
        name = self._make_temporary()
        return Operand(name, OperandKind.TIME, (*guards, f"({name} := date_epoch({code})) is not None"))


def _parse_sql(sql: str) -> exp.Expr:
    """Parse a SQL condition."""
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except (sqlglot.ParseError, sqlglot.TokenError) as error:
        raise NotCompilableError("it is not SQL") from error


def _is_date_column(column: exp.Expr, date_format: exp.Expr) -> bool:
    """Return whether a SQL expression reads a date column in its format."""
    return (
        isinstance(column, exp.Column)
        and column.name[:-2] in DATE_COLUMNS
        and date_format.name == DATE_FORMAT
    )


def _find_column_kind(column: str) -> OperandKind:
    """Return the type of a feature column."""
    if column in LIST_COLUMNS:
        return OperandKind.LIST
    if column in NUMBER_COLUMNS:
        return OperandKind.NUMBER
    return OperandKind.TRUTH if column in BOOLEAN_COLUMNS else OperandKind.TEXT


def _translate_similarity(
    tree: exp.Expr, name: str, texts: Sequence[Operand], guards: tuple[str, ...]
) -> Operand:
    """Translate a SQL function of two texts' similarity or distance to Python."""
    if name in _LETTER_SIMILARITIES and any(text.may_be_empty for text in texts):
        raise NotCompilableError(
            f"{to_duckdb_sql(tree)} is given what may be empty: write NULLIF(…, '') around that"
        )
    number = LENGTH if name in _EDIT_DISTANCES else DOUBLE
    return Operand(f"{name}({', '.join(text.code for text in texts)})", OperandKind.NUMBER, guards, number)


def _translate_literal(tree: exp.Literal) -> Operand:
    """Translate a text or number written out in SQL to Python."""
    if tree.is_string:
        return Operand(repr(tree.name), OperandKind.TEXT, may_be_empty=not tree.name)
    number, value = parse_literal(tree)
    return Operand(repr(value), OperandKind.NUMBER, (), number)


def _parse_position(tree: object) -> int:
    """Return the whole number of a SQL substring's position."""
    if isinstance(tree, exp.Literal) and not tree.is_string and tree.name.isdigit():
        return int(tree.name)
    raise NotCompilableError("a substring's positions must be whole numbers")


def _expand_range(tree: exp.Expr) -> exp.Expr:
    """Write ``IN`` as a chain of ``=``, and ``BETWEEN`` as two comparisons.

    These are their definitions in SQL.
    """
    if isinstance(tree, exp.Between):
        return exp.And(
            this=exp.GTE(this=tree.this.copy(), expression=tree.args["low"].copy()),
            expression=exp.LTE(this=tree.this.copy(), expression=tree.args["high"].copy()),
        )
    choices = tree.expressions
    if not choices:
        raise NotCompilableError(f"{to_duckdb_sql(tree)} is not a list of values")
    equalities: list[exp.Expr] = [
        exp.EQ(this=tree.this.copy(), expression=choice.copy()) for choice in choices
    ]
    chain = equalities[0]
    for equality in equalities[1:]:
        chain = exp.Or(this=chain, expression=equality)
    return chain


def _join_guards(guards: tuple[str, ...], code: str) -> str:
    """Join not-NULL guards and the code they protect to one Python expression."""
    return f"({' and '.join([*dict.fromkeys(guards), code])})"
