"""An SQL IN condition that PostgreSQL receives as one array parameter.

SQLAlchemy's own IN writes every value out. For PostgreSQL each count of values is then another
statement to parse and plan: ten thousand values took two seconds. An array is one parameter of one
prepared statement. SQLite receives each value, since it has no statistics and plans by their number.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, BinaryExpression, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler


class _InList(BinaryExpression[bool]):
    inherit_cache = True


@compiles(_InList)
def _compile_in_list(element: _InList, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return str(compiler.visit_binary(element, **options))


@compiles(_InList, "postgresql")
def _compile_any_array(element: _InList, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    value_list: Any = element.right
    kind = ARRAY(Text() if isinstance(element.left.type, Text) else BigInteger())
    # SQLAlchemy caches the compiled form and passes later values to a clone, but not to a copy.
    array = value_list._clone(maintain_key=True)  # noqa: SLF001 - no public equivalent
    array.expanding, array.type = False, kind
    column, values = (compiler.process(part, **options) for part in (element.left, array))
    return f"{column} = ANY ({values})"


def is_in(column: ColumnElement[Any], values: Collection[Any] | str) -> ColumnElement[bool]:
    """Return the condition that a column's value is one of the given.

    Args:
        column: column of 64-bit integers or of text.
        values: the values, or the name of the parameter that will hold them.
    """
    if isinstance(values, str):
        value_list = bindparam(values, type_=column.type, expanding=True)
    else:
        value_list = bindparam(None, list(values), type_=column.type, expanding=True, unique=True)
    return _InList(column, value_list, operators.in_op)
