"""Conversion of Splink's blocking rules to rules of the index.

A rule converts only if both find the same pairs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp

from mpi.domain.errors import ModelError
from mpi.domain.features import LIST_COLUMNS
from mpi.matching.model.blocking_keys import BlockingPart
from training.fit.errors import TrainingError


def convert_blocking_rules(splink_rules: Iterable[str | Mapping[str, Any]]) -> dict[str, list[str]]:
    """Convert Splink's blocking rules to the ``[blocking]`` table of a model.

    Args:
        splink_rules: ``blocking_rules_to_generate_predictions`` of Splink's settings.

    Returns:
        Parts of each rule; rules are named by their position.

    Raises:
        TrainingError: a rule says more than that values, or their beginnings or ends, are equal.
    """
    rules = {}
    for number, rule in enumerate(splink_rules, 1):
        sql = rule if isinstance(rule, str) else str(rule["blocking_rule"])
        exploded = frozenset() if isinstance(rule, str) else frozenset(rule.get("arrays_to_explode") or ())
        rules[f"rule-{number}"] = list(_parse_parts(sql, exploded))
    return rules


def _parse_parts(sql: str, exploded: frozenset[str]) -> Iterator[str]:
    """Yield the blocking-rule parts of one of Splink's SQL blocking rules."""
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except (sqlglot.ParseError, sqlglot.TokenError):
        raise TrainingError(f"blocking rule {sql!r}: it is not SQL") from None
    for condition in _flatten(tree.unnest()):
        sides = (
            {_record_side(side): _to_rule_part(side) for side in (condition.this, condition.expression)}
            if _is_equality(condition)
            else {}
        )
        if set(sides) != {"l", "r"} or None in sides.values() or sides["l"] != sides["r"]:
            raise TrainingError(
                f"blocking rule {sql!r}: {condition.sql(dialect='duckdb')} does not say that a column of "
                "both records, or the same part of it, is equal: write the rule into [blocking] of model.toml"
            )
        part = str(sides["l"])
        column = part.partition(":")[0]
        if (column in LIST_COLUMNS) != (column in exploded):
            raise TrainingError(
                f"blocking rule {sql!r}: explode {column!r} (`arrays_to_explode`) if it is a list of "
                "texts, and only then"
            )
        try:
            BlockingPart.parse(part)
        except ModelError as error:
            raise TrainingError(f"blocking rule {sql!r}: {error}") from None
        yield part


def _flatten(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the SQL conditions that AND connects."""
    if isinstance(tree, exp.And):
        yield from _flatten(tree.this.unnest())
        yield from _flatten(tree.expression.unnest())
    else:
        yield tree


def _is_equality(tree: exp.Expr) -> bool:
    """Return whether a SQL condition is an equality."""
    return isinstance(tree, exp.EQ)


def _record_side(tree: exp.Expr) -> str:
    """Return the side, ``l`` or ``r``, that a SQL expression's columns name."""
    return ",".join(sorted({column.table.lower() for column in tree.find_all(exp.Column)}))


def _to_rule_part(tree: exp.Expr) -> str | None:
    """Convert one side of a SQL equality to a blocking-rule part.

    It is written as in ``model.toml``; None if there is no such part.
    """
    if isinstance(tree, exp.Column):
        return tree.name
    stripped = tree.transform(lambda node: exp.column(node.name) if isinstance(node, exp.Column) else node)
    sql = stripped.sql(dialect="duckdb").replace('"', "")
    prefix = re.fullmatch(r"(?:SUBSTRING\((\w+), 1, (\d+)\)|LEFT\((\w+), (\d+)\))", sql)
    if prefix is not None:
        return f"{prefix[1] or prefix[3]}:{prefix[2] or prefix[4]}"
    suffix = re.fullmatch(r"RIGHT\((\w+), (\d+)\)", sql)
    return None if suffix is None else f"{suffix[1]}:-{suffix[2]}"
