"""Rows put into a table, many at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, TextClause, bindparam, insert, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.repositories.chunks import CHUNK

_ROWS_AT_ONCE = 2 * CHUNK


def put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows, which all name the same columns.

    PostgreSQL is given each column as one array: a load of 20,000 records took half as long again with a
    statement a row. SQLite is given the rows as its driver takes them: SQLAlchemy looks at every value, and
    took four times as long as SQLite itself.
    """
    if not rows:
        return
    if len(rows) == 1:
        connection.execute(_one(table), rows)
        return
    names = tuple(rows[0])
    put_columns(connection, table, {name: [row[name] for row in rows] for name in names})


def put_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Add rows given by column, all of one length; of hundreds of thousands none is made a dict."""
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.executemany(_each(table, names), zip(*columns.values(), strict=True))
        return
    length = len(next(iter(columns.values())))
    for first in range(0, length, _ROWS_AT_ONCE):
        some = {name: values[first : first + _ROWS_AT_ONCE] for name, values in columns.items()}
        connection.execute(_many(table, names), some)


def drop_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Remove the rows that have these values, given by column, in the columns named."""
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.executemany(_drop_each(table, names), zip(*columns.values(), strict=True))
        return
    length = len(next(iter(columns.values())))
    for first in range(0, length, _ROWS_AT_ONCE):
        some = {name: values[first : first + _ROWS_AT_ONCE] for name, values in columns.items()}
        connection.execute(_drop_many(table, names), some)


@cache
def _one(table: Table) -> Insert:
    return insert(table)


@cache
def _each(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'


@cache
def _many(table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    statement = text(f'INSERT INTO "{table.name}" ({columns}) SELECT * FROM unnest({values})')
    return statement.bindparams(*(bindparam(name, type_=ARRAY(table.c[name].type)) for name in names))


@cache
def _drop_each(table: Table, names: tuple[str, ...]) -> str:
    wanted = " AND ".join(f'"{name}" = ?' for name in names)
    return f'DELETE FROM "{table.name}" WHERE {wanted}'


@cache
def _drop_many(table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    statement = text(f'DELETE FROM "{table.name}" WHERE ({columns}) IN (SELECT * FROM unnest({values}))')
    return statement.bindparams(*(bindparam(name, type_=ARRAY(table.c[name].type)) for name in names))
