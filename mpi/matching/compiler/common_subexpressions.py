"""Common subexpression elimination in SQL conditions.

DuckDB computes a condition anew in each place where it is written inside CASE, AND or OR, and the conditions
of a model that corrects for families say many times that two records share a home.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from mpi.matching.model.scoring_parameters import DIALECT

_OPERATOR_SQL: dict[type[exp.Expr], str] = {
    exp.And: "AND",
    exp.Or: "OR",
    exp.Is: "IS",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ATOMIC_EXPRESSIONS = (exp.Column, exp.Literal, exp.Boolean, exp.Null)


class SharedTerm(NamedTuple):
    """Repeated SQL subexpression that is computed once, as a column.

    Args:
        name: name of the column.
        sql: the subexpression.
    """

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class SharedConditions:
    """SQL conditions whose repeated subexpressions are computed once, as columns.

    Args:
        layers: columns to compute before the conditions; a term may name those of earlier layers.
        conditions: SQL, in the order in which they were given.
    """

    layers: tuple[tuple[SharedTerm, ...], ...]
    conditions: tuple[str, ...]

    def write_query(self, source: str) -> str:
        """Write the SQL query that adds the shared columns to a source's."""
        for layer in self.layers:
            source = f"SELECT *, {', '.join(f'{term.sql} AS {term.name}' for term in layer)} FROM ({source})"
        return source


@dataclass(frozen=True, slots=True)
class _ExpressionNode:
    """A SQL expression: its operands, and the operator that joins them.

    An expression without operands has its own SQL instead.
    """

    parts: tuple["_ExpressionNode", ...]
    sql: str
    is_atomic: bool = False


@dataclass(slots=True)
class _NodeTable:
    """Table of SQL expressions that holds each distinct one once."""

    node_of: dict[tuple[object, ...], _ExpressionNode] = field(default_factory=dict)

    def add(self, tree: exp.Expr) -> _ExpressionNode:
        """Return the table's node of a SQL expression, adding it if new."""
        tree = tree.unnest()
        if isinstance(tree, exp.Not):
            return self._add_node("NOT", (self.add(tree.this),))
        if (operator := _OPERATOR_SQL.get(type(tree))) is not None:
            return self._add_node(operator, (self.add(tree.this), self.add(tree.expression)))
        # A function is taken whole: what its arguments have in common with others costs nothing.
        is_bare, sql = isinstance(tree, _ATOMIC_EXPRESSIONS), tree.sql(dialect=DIALECT)
        return self._add_node(sql if is_bare else f"({sql})", (), is_bare=is_bare)

    def _add_node(
        self, sql: str, operands: tuple[_ExpressionNode, ...], *, is_bare: bool = False
    ) -> _ExpressionNode:
        """Return the node of an operator and its operands, adding if new."""
        key = (sql, *(id(part) for part in operands))
        return self.node_of.setdefault(key, _ExpressionNode(operands, sql, is_bare))


def share_subexpressions(conditions: Sequence[str], prefix: str) -> SharedConditions:
    """Turn repeated subexpressions of conditions into columns.

    All columns are computed for every pair, also where a CASE would not come so far: no condition that
    ``compile_scorer`` accepts can fail.

    Args:
        conditions: SQL.
        prefix: prefix of the columns' names, with which no other column's begins.
    """
    nodes = _NodeTable()
    roots = [nodes.add(sqlglot.parse_one(condition, read=DIALECT)) for condition in conditions]
    use_counts = Counter(id(part) for node in nodes.node_of.values() for part in node.parts)
    use_counts.update(id(root) for root in roots)
    names: dict[int, str] = {}
    layers: list[list[SharedTerm]] = []
    depths: dict[int, int] = {}
    for node in nodes.node_of.values():  # parts come before what they are parts of
        depth = max((depths[id(part)] for part in node.parts), default=0)
        if use_counts[id(node)] > 1 and not node.is_atomic:
            if depth == len(layers):
                layers.append([])
            sql = _write_sql(node, names)
            names[id(node)] = f"{prefix}{len(names)}"
            layers[depth].append(SharedTerm(names[id(node)], sql))
            depth += 1
        depths[id(node)] = depth
    return SharedConditions(tuple(map(tuple, layers)), tuple(_write_sql(root, names) for root in roots))


def _write_sql(node: _ExpressionNode, names: dict[int, str]) -> str:
    """Write an expression node as SQL, with the names of shared columns."""
    if id(node) in names:
        return names[id(node)]
    parts = [_write_sql(part, names) for part in node.parts]
    match parts:
        case []:
            return node.sql
        case [only]:
            return f"({node.sql} {only})"
        case _:
            return f"({f' {node.sql} '.join(parts)})"
