"""Splink's blocking rules as rules of the index, where both find the same pairs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp

from mpi.domain.errors import ModelError
from mpi.domain.features import LIST_COLUMNS
from mpi.matching.model.blocking_keys import BlockingPart
from training.fit.errors import TrainingError


def convert_blocking_rules(stated: Iterable[str | Mapping[str, Any]]) -> dict[str, list[str]]:
    """The ``[blocking]`` table of a model, rules named by their place.

    Args:
        stated: ``blocking_rules_to_generate_predictions`` of Splink's settings.

    Raises:
        TrainingError: a rule says more than that values, or their beginnings or ends, are equal.
    """
    found = {}
    for number, rule in enumerate(stated, 1):
        sql = rule if isinstance(rule, str) else str(rule["blocking_rule"])
        exploded = frozenset() if isinstance(rule, str) else frozenset(rule.get("arrays_to_explode") or ())
        found[f"rule-{number}"] = list(_parse_parts(sql, exploded))
    return found


def _parse_parts(sql: str, exploded: frozenset[str]) -> Iterator[str]:
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except (sqlglot.ParseError, sqlglot.TokenError):
        raise TrainingError(f"blocking rule {sql!r}: it is not SQL") from None
    for each in _flatten(tree.unnest()):
        sides = {_record_side(side): _to_rule_part(side) for side in (each.this, each.expression)} if _is_equality(each) else {}
        if set(sides) != {"l", "r"} or None in sides.values() or sides["l"] != sides["r"]:
            raise TrainingError(
                f"blocking rule {sql!r}: {each.sql(dialect='duckdb')} does not say that a column of both "
                "records, or the same part of it, is equal: write the rule into [blocking] of model.toml"
            )
        part = str(sides["l"])
        column = part.partition(":")[0]
        if (column in LIST_COLUMNS) != (column in exploded):
            raise TrainingError(
                f"blocking rule {sql!r}: a list of texts, and nothing else, is to be exploded "
                f"(`arrays_to_explode`): {column!r}"
            )
        try:
            BlockingPart.parse(part)
        except ModelError as fault:
            raise TrainingError(f"blocking rule {sql!r}: {fault}") from None
        yield part


def _flatten(tree: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(tree, exp.And):
        yield from _flatten(tree.this.unnest())
        yield from _flatten(tree.expression.unnest())
    else:
        yield tree


def _is_equality(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.EQ)


def _record_side(tree: exp.Expr) -> str:
    return ",".join(sorted({column.table.lower() for column in tree.find_all(exp.Column)}))


def _to_rule_part(tree: exp.Expr) -> str | None:
    """What takes the same of a record, as ``model.toml`` writes it; None where nothing does."""
    if isinstance(tree, exp.Column):
        return tree.name
    form = tree.transform(lambda node: exp.column(node.name) if isinstance(node, exp.Column) else node)
    said = form.sql(dialect="duckdb").replace('"', "")
    start = re.fullmatch(r"(?:SUBSTRING\((\w+), 1, (\d+)\)|LEFT\((\w+), (\d+)\))", said)
    if start is not None:
        return f"{start[1] or start[3]}:{start[2] or start[4]}"
    end = re.fullmatch(r"RIGHT\((\w+), (\d+)\)", said)
    return None if end is None else f"{end[1]}:-{end[2]}"
