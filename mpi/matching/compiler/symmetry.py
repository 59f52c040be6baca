"""Check that a SQL condition is symmetric in the two records.

Which of two records is left is an accident of numbering, so a condition that depends on it would make the
partition depend on it too (law 1). Two conditions count as equal where their normal forms are equal. A
normal form sorts what has no order: the sides of AND, OR, ``=``, +, *, a reversed comparison, and the
arguments of similarity functions. A condition whose symmetry is not seen here is refused, never taken on
trust.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from mpi.matching.compiler.sql_functions import parse_pairwise_call

_SYMMETRIC_FUNCTIONS = (exp.JarowinklerSimilarity, exp.Levenshtein, exp.ArrayOverlaps)
_COMMUTATIVE = (exp.EQ, exp.NEQ, exp.Add, exp.Mul, *_SYMMETRIC_FUNCTIONS)
_REVERSED_OPERATORS: dict[type[exp.Expr], str] = {exp.GT: exp.LT.__name__, exp.GTE: exp.LTE.__name__}
_SYMMETRIC_FUNCTION_NAMES = frozenset(
    {"jaro_similarity", "jarowinklersimilarity", "damerau_levenshtein", "jaccard", "list_intersect"}
    | {"list_has_any", "array_has_any", "array_intersect"}
)


def is_symmetric(tree: exp.Expr) -> bool:
    """Return whether a SQL condition holds alike with the records exchanged.

    Args:
        tree: a condition that ``mpi.matching.compiler.conditions`` can translate.
    """
    return _NormalForm().write(tree) == _NormalForm(are_exchanged=True).write(tree)


@dataclass(frozen=True, slots=True)
class _NormalForm:
    """Writer of SQL expressions in normal form, as texts to compare.

    Args:
        are_exchanged: whether the two records are exchanged.
        equal_columns: columns that are equal on both sides wherever the expression matters, so that either
            may replace the other.
        is_strict: whether FALSE and NULL must be told apart, and not only TRUE from the rest.
    """

    are_exchanged: bool = False
    equal_columns: frozenset[str] = frozenset()
    is_strict: bool = False

    def write(self, tree: exp.Expr) -> str:  # noqa: C901, PLR0911 - one return a form
        """Write a SQL expression in normal form."""
        match tree:
            case exp.Paren():
                return self.write(tree.this)
            case exp.Column():
                return self._write_column(tree.name.lower())
            case exp.And() | exp.Or():
                return self._write_chain(tree)
            case exp.Is() | exp.Not():
                return self._write_is_or_not(tree)
            case exp.Abs() if isinstance(tree.this.unnest(), exp.Sub):
                return self._write_sorted("distance", _get_operands(tree.this.unnest()))
            case exp.Least() | exp.Greatest():
                return self._write_sorted(type(tree).__name__, (tree.this, *tree.expressions))
            case exp.ArrayMax() | exp.ArrayMin():
                name, columns = parse_pairwise_call(tree)
                return self._write_sorted(name, columns)
            case exp.ArrayIntersect():
                return self._write_sorted("list_intersect", tree.expressions)
            case exp.Anonymous() if tree.name.lower() in _SYMMETRIC_FUNCTION_NAMES:
                return self._write_sorted(tree.name.lower(), tree.expressions)
            case exp.GT() | exp.GTE():
                return self._write_in_order(_REVERSED_OPERATORS[type(tree)], (tree.expression, tree.this))
            case _ if isinstance(tree, _COMMUTATIVE):
                return self._write_sorted(type(tree).__name__, _get_operands(tree))
            case _:
                name = type(tree).__name__ + ("" if tree.args.get("expressions") is None else tree.name)
                parts = tuple(tree.iter_expressions())
                return self._write_in_order(name, parts) if parts else f"{name} {tree.name!r}"

    def _write_column(self, name: str) -> str:
        column, side = name[:-2], name[-2:]
        if column in self.equal_columns:
            return column
        return column + ({"_l": "_r", "_r": "_l"}.get(side, side) if self.are_exchanged else side)

    def _write_chain(self, tree: exp.Expr) -> str:
        parts = tuple(_flatten(tree, type(tree)))
        if isinstance(tree, exp.Or) or self.is_strict:
            return self._write_sorted(type(tree).__name__, parts)
        equal_column_of = {part: column for part in parts if (column := _find_equal_column(part))}
        inner = replace(self, equal_columns=self.equal_columns | frozenset(equal_column_of.values()))
        forms = sorted(
            f"same {equal_column_of[part]}" if part in equal_column_of else inner.write(part)
            for part in parts
        )
        return f"And{forms}"

    def _write_is_or_not(self, tree: exp.Expr) -> str:
        """Write a SQL IS or NOT in normal form.

        Only IS TRUE does not depend on whether its operand is FALSE or NULL.
        """
        is_true_test = (
            isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Boolean) and tree.expression.this
        )
        is_not_over_is = isinstance(tree, exp.Not) and isinstance(tree.this, exp.Is)
        inner = replace(self, is_strict=not (is_true_test or is_not_over_is))
        return f"{type(tree).__name__}({', '.join(map(inner.write, tree.iter_expressions()))})"

    def _write_in_order(self, name: str, parts: Iterable[exp.Expr]) -> str:
        return f"{name}({', '.join(map(self.write, parts))})"

    def _write_sorted(self, name: str, parts: Iterable[exp.Expr]) -> str:
        return f"{name}{sorted(map(self.write, parts))}"


def _get_operands(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """Return both operands of a binary SQL expression."""
    return tree.this, tree.expression


def _flatten(tree: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Yield the operands of nested SQL ANDs or ORs."""
    for side in _get_operands(tree):
        inner = side.unnest()
        if type(inner) is kind:
            yield from _flatten(inner, kind)
        else:
            yield inner


def _find_equal_column(part: exp.Expr) -> str | None:
    """Return the column that a SQL condition requires to be equal."""
    if not isinstance(part, exp.EQ) or not all(isinstance(side, exp.Column) for side in _get_operands(part)):
        return None
    left, right = (side.name.lower() for side in _get_operands(part))
    return left[:-2] if left != right and left[:-2] == right[:-2] else None
