"""Translation of a level's DuckDB condition to Spark SQL.

What the online compiler refuses is refused here. What both engines spell alike is not trusted to mean the
same: every operand goes into parentheses (``a = b IS NOT TRUE`` binds differently elsewhere), and every
string function becomes one of ``mpi.matching.spark.functions``. Both engines have three truth values.
"""

from collections.abc import Mapping
from typing import Any

import sqlglot
from sqlglot import exp

from mpi.domain.errors import ModelError
from mpi.matching.compiler.conditions import Translator
from mpi.matching.compiler.sql_functions import NotCompilableError, parse_function_call, parse_pairwise_call
from mpi.matching.spark.functions import FUNCTION_PREFIX

_INDEX_FUNCTIONS = {
    "jaro_winkler_similarity": "jaro_winkler",
    "jarowinklersimilarity": "jaro_winkler",
    "jaro_similarity": "jaro",
    "levenshtein": "levenshtein",
    "damerau_levenshtein": "damerau_levenshtein",
    "jaccard": "jaccard",
    "try_strptime": "date_epoch",
}
_SPARK_FUNCTIONS = {
    "list_has_any": "ARRAYS_OVERLAP",
    "list_contains": "ARRAY_CONTAINS",
    "list_intersect": "ARRAY_INTERSECT",
    "array_length": "ARRAY_SIZE",
    "starts_with": "STARTSWITH",
}
_BINARY_EXPRESSIONS = (
    exp.And,
    exp.Or,
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Is,
)
_OPERATOR_EXPRESSIONS = (exp.Binary, exp.Unary, exp.Between, exp.In)


def to_spark_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Translate every condition of Splink settings to Spark SQL.

    Raises:
        ModelError: a condition has no exact translation; the message names comparison and level.
    """
    comparisons = []
    for comparison in settings["comparisons"]:
        name = comparison.get("output_column_name", "")
        levels = [_translate_level(name, level) for level in comparison["comparison_levels"]]
        comparisons.append({**comparison, "comparison_levels": levels})
    # Splink would translate what is marked as DuckDB's in its own way.
    return {**settings, "comparisons": comparisons, "sql_dialect": "spark"}


def _translate_level(comparison: str, level: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the condition of one comparison level to Spark SQL."""
    condition = str(level["sql_condition"])
    if condition.strip().upper() == "ELSE":
        return dict(level)
    try:
        return {**level, "sql_condition": to_spark_condition(condition)}
    except NotCompilableError as error:
        label = level.get("label_for_charts") or condition
        raise ModelError(
            f"comparison {comparison!r}, level {label!r}: cannot be scored on Spark: {error}"
        ) from None


def to_spark_condition(sql: str) -> str:
    """Translate a DuckDB condition to Spark SQL.

    Raises:
        NotCompilableError: names what has no exact translation.
    """
    Translator().translate_condition(sql)
    return _translate(sqlglot.parse_one(sql, read="duckdb")).sql(dialect="spark")


def _translate(tree: exp.Expr) -> exp.Expr:  # noqa: C901, PLR0911, PLR0912 - one return a form
    """Translate a DuckDB expression to Spark SQL."""
    match tree:
        case exp.Paren():
            return _translate(tree.this)
        case exp.Literal():
            return _translate_literal(tree)
        case exp.Column() | exp.Boolean() | exp.Null():
            return tree.copy()
        case exp.Not() | exp.Neg():
            return type(tree)(this=_translate_in_parentheses(tree.this))
        case exp.Abs():
            return exp.Abs(this=_translate(tree.this))
        case exp.Between():
            bounds = {name: _translate_in_parentheses(tree.args[name]) for name in ("low", "high")}
            return exp.Between(this=_translate_in_parentheses(tree.this), **bounds)
        case exp.In():
            return exp.In(
                this=_translate_in_parentheses(tree.this),
                expressions=[_translate(item) for item in tree.expressions],
            )
        case exp.Cast():
            return exp.Cast(this=_translate(tree.this), to=tree.args["to"].copy())
        case exp.Substring() | exp.Left():
            start = exp.Literal.number(1) if isinstance(tree, exp.Left) else tree.args["start"].copy()
            length = tree.expression if isinstance(tree, exp.Left) else tree.args["length"]
            return exp.func("SUBSTR", _translate(tree.this), start, length.copy(), dialect="spark")
        case exp.Nullif():
            return exp.Nullif(this=_translate(tree.this), expression=_translate(tree.expression))
        case exp.Least() | exp.Greatest():
            items = [_translate(item) for item in tree.expressions]
            return type(tree)(this=_translate(tree.this), expressions=items)
        case exp.RegexpExtract():
            arguments = [_translate(tree.this), tree.expression.copy()]
            return exp.Anonymous(this=f"{FUNCTION_PREFIX}regexp_extract", expressions=arguments)
        case exp.ArrayMax() | exp.ArrayMin():
            return _translate_pairwise(tree)
        case _ if isinstance(tree, _BINARY_EXPRESSIONS):
            return type(tree)(
                this=_translate_in_parentheses(tree.this),
                expression=_translate_in_parentheses(tree.expression),
            )
        case _:
            return _translate_function(tree)


def _translate_function(tree: exp.Expr) -> exp.Expr:
    """Translate a DuckDB function call to Spark SQL."""
    name, arguments = parse_function_call(tree)
    translated = [_translate(argument) for argument in arguments]
    match name:
        case "epoch":  # of what `try_strptime` parsed, which is in seconds already
            return translated[0]
        case "try_strptime":
            return exp.Anonymous(this=FUNCTION_PREFIX + _INDEX_FUNCTIONS[name], expressions=translated[:1])
        case "length":
            kind = "ARRAY_SIZE" if Translator().is_list(arguments[0]) else "LENGTH"
            return exp.Anonymous(this=kind, expressions=translated)
        case _ if name in _INDEX_FUNCTIONS:
            return exp.Anonymous(this=FUNCTION_PREFIX + _INDEX_FUNCTIONS[name], expressions=translated)
        case _ if name in _SPARK_FUNCTIONS:
            return exp.Anonymous(this=_SPARK_FUNCTIONS[name], expressions=translated)
        case _:
            raise NotCompilableError(f"{tree.sql(dialect='duckdb')} uses a function that is not supported")


def _translate_pairwise(tree: exp.Expr) -> exp.Expr:
    """Translate to Spark SQL a maximum over two lists' items, or minimum."""
    name, columns = parse_pairwise_call(tree)
    return exp.Anonymous(this=FUNCTION_PREFIX + name, expressions=columns)


def _translate_literal(tree: exp.Literal) -> exp.Expr:
    """Translate a literal of DuckDB's SQL to Spark SQL.

    A fraction is a double, not Spark's decimal.
    """
    if tree.is_string or tree.name.isdigit():
        return tree.copy()
    return exp.Cast(this=tree.copy(), to=exp.DataType.build("double"))


def _translate_in_parentheses(tree: exp.Expr) -> exp.Expr:
    """Translate an operand to Spark SQL, in parentheses where it needs them."""
    translated = _translate(tree)
    return (
        translated
        if isinstance(translated, exp.Condition) and not isinstance(translated, _OPERATOR_EXPRESSIONS)
        else exp.Paren(this=translated)
    )
