"""Recognition of DuckDB function calls in parsed SQL.

The parser represents some functions by a class and the rest by name.
"""

import re

from sqlglot import exp


class NotCompilableError(Exception):
    """A SQL condition has no exact translation."""


STRING_FUNCTIONS = {
    "jaro_winkler_similarity": "jaro_winkler",
    "jarowinklersimilarity": "jaro_winkler",
    "jaro_similarity": "jaro",
    "levenshtein": "levenshtein",
    "damerau_levenshtein": "damerau_levenshtein",
    "jaccard": "jaccard",
}
"""DuckDB's similarities of two texts, with the compiled scorer's names."""
_BINARY_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.JarowinklerSimilarity: "jaro_winkler_similarity",
    exp.Levenshtein: "levenshtein",
    exp.ArrayOverlaps: "list_has_any",
    exp.ArrayContains: "list_contains",
    exp.StartsWith: "starts_with",
}
_UNARY_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Length: "length",
    exp.ArraySize: "array_length",
    exp.TimeToUnix: "epoch",
}
_PAIRWISE_SQL = re.compile(
    r'LIST_(?P<choice>MAX|MIN)\(LIST_TRANSFORM\(FLATTEN\(LIST_TRANSFORM\("?(?P<left>\w+)"?, LAMBDA x : '
    r'LIST_TRANSFORM\("?(?P<right>\w+)"?, LAMBDA y : \[x, y\]\)\)\), LAMBDA pair : '
    r"(?P<name>\w+)\(pair\[1\], pair\[2\]\)\)\)"
)
"""Splink's SQL for the maximum or minimum over all pairs of two lists' items."""


def parse_function_call(tree: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """Return the name and arguments of a DuckDB function call.

    Raises:
        NotCompilableError: it is no call, or one of an unknown function.
    """
    if (name := _BINARY_FUNCTIONS.get(type(tree))) is not None:
        if any(value and key not in _BINARY_ARGUMENTS for key, value in tree.args.items()):
            raise NotCompilableError(f"{to_duckdb_sql(tree)} has more arguments than are supported")
        return name, [tree.this, tree.expression]
    if (name := _UNARY_FUNCTIONS.get(type(tree))) is not None:
        return name, [tree.this]
    match tree:
        case exp.ArrayIntersect():
            return "list_intersect", list(tree.expressions)
        case exp.Anonymous():
            name = tree.name.lower()
            return _ALIASES.get(name, name), list(tree.expressions)
        case _:
            raise NotCompilableError(f"{to_duckdb_sql(tree)} is not supported")


def parse_pairwise_call(tree: exp.Expr) -> tuple[str, list[exp.Column]]:
    """Parse a maximum or minimum over all pairs of two lists' items.

    Returns:
        Name of the function to the compiled scorer and to Spark, and the two columns.

    Raises:
        NotCompilableError: it is not as Splink writes it, or of an unknown function.
    """
    match = _PAIRWISE_SQL.fullmatch(to_duckdb_sql(tree))
    function = None if match is None else STRING_FUNCTIONS.get(match["name"].lower())
    if match is None or function is None:
        raise NotCompilableError(f"{to_duckdb_sql(tree)} is not supported")
    columns = [exp.column(match[side], quoted=True) for side in ("left", "right")]
    return f"{match['choice'].lower()}_{function}", columns


_BINARY_ARGUMENTS = frozenset({"this", "expression"})
_ALIASES = {"array_has_any": "list_has_any", "array_intersect": "list_intersect"}


def to_duckdb_sql(tree: exp.Expr) -> str:
    """Write an expression in DuckDB's SQL, for a message."""
    return tree.sql(dialect="duckdb")
