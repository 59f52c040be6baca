"""Rows put into a table, many at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, TextClause, bindparam, insert, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.driver.chunks import CHUNK_SIZE

_ROWS_PER_STATEMENT = 2 * CHUNK_SIZE
_SKIP_EXISTING = " ON CONFLICT DO NOTHING"


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows, which all name the same columns.

    PostgreSQL is given each column as one array: a load of 20,000 records took half as long again with a
    statement a row. SQLite is given the rows as its driver takes them: SQLAlchemy looks at every value, and
    took four times as long as SQLite itself.
    """
    if not rows:
        return
    if len(rows) == 1:
        connection.execute(_insert_one(table), rows)
        return
    names = tuple(rows[0])
    insert_columns(connection, table, {name: [row[name] for row in rows] for name in names})


def insert_columns(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], *, if_new: bool = False
) -> None:
    """Add rows given by column, all of one length; of hundreds of thousands none is made a dict.

    Args:
        connection: of a writing unit.
        table: where they are put.
        columns: by name.
        if_new: whether a row that is there already is left as it is, and no error.
    """
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.executemany(_insert_each_sql(table, names, if_new), zip(*columns.values(), strict=True))
        return
    _run_on_arrays(connection, _insert_arrays(table, names, if_new), columns)


def delete_by_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Remove the rows that have these values, given by column, in the columns named."""
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.executemany(_delete_each_sql(table, names), zip(*columns.values(), strict=True))
        return
    _run_on_arrays(connection, _delete_arrays(table, names), columns)


def _run_on_arrays(
    connection: Connection, statement: TextClause, columns: Mapping[str, Sequence[Any]]
) -> None:
    """Run a statement that takes each column as one array, some rows at a time."""
    length = len(next(iter(columns.values())))
    for first in range(0, length, _ROWS_PER_STATEMENT):
        some = {name: values[first : first + _ROWS_PER_STATEMENT] for name, values in columns.items()}
        connection.execute(statement, some)


@cache
def _insert_one(table: Table) -> Insert:
    return insert(table)


@cache
def _insert_each_sql(table: Table, names: tuple[str, ...], if_new: bool) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join("?" * len(names))
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({values}){_SKIP_EXISTING if if_new else ""}'


@cache
def _insert_arrays(table: Table, names: tuple[str, ...], if_new: bool) -> TextClause:
    statement = 'INSERT INTO "{table}" ({columns}) SELECT * FROM unnest({values})'
    return _bind_arrays(table, names, f"{statement}{_SKIP_EXISTING}" if if_new else statement)


@cache
def _delete_each_sql(table: Table, names: tuple[str, ...]) -> str:
    wanted = " AND ".join(f'"{name}" = ?' for name in names)
    return f'DELETE FROM "{table.name}" WHERE {wanted}'


@cache
def _delete_arrays(table: Table, names: tuple[str, ...]) -> TextClause:
    return _bind_arrays(
        table, names, 'DELETE FROM "{table}" WHERE ({columns}) IN (SELECT * FROM unnest({values}))'
    )


def _bind_arrays(table: Table, names: tuple[str, ...], statement: str) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    composed = text(statement.format(table=table.name, columns=columns, values=values))
    return composed.bindparams(*(bindparam(name, type_=ARRAY(table.c[name].type)) for name in names))
