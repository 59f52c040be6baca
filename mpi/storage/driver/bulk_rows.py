"""Insertion, change and deletion of many rows in few statements."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any

from sqlalchemy import ARRAY, Connection, Executable, Insert, Table, TextClause, bindparam, insert, text

from mpi.storage.driver.chunks import CHUNK_SIZE

_ROWS_PER_STATEMENT = 2 * CHUNK_SIZE
_SKIP_EXISTING = " ON CONFLICT DO NOTHING"
_SQLITE_ROWS, _SQLITE_VALUES = 64, 1_024
"""Most rows and values of one statement of SQLite.

One row a statement takes three times as long for rows of a few integers. More rows gain no more.
"""


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns.

    PostgreSQL receives each column as one array: with one statement a row, a load of 20,000 records took
    half as long again. SQLite's driver receives the rows directly: SQLAlchemy inspects every value and
    took four times as long as SQLite itself.
    """
    if not rows:
        return
    if len(rows) == 1:
        connection.execute(_insert_one(table), rows)
        return
    names = tuple(rows[0])
    insert_columns(connection, table, {name: [row[name] for row in rows] for name in names})


def execute_many(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement once for each row of its parameters."""
    if rows:
        connection.execute(statement, rows)


def insert_columns(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], *, if_new: bool = False
) -> None:
    """Insert rows given as columns of equal length.

    Saves a dictionary for each of hundreds of thousands of rows.

    Args:
        connection: connection of a write unit.
        table: table to insert into.
        columns: values by column name.
        if_new: whether existing rows are left as they are instead of raising an error.
    """
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        _insert_into_sqlite(connection, table, columns, if_new=if_new)
        return
    _run_on_arrays(connection, _insert_arrays(table, names, if_new), columns)


def _insert_into_sqlite(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], *, if_new: bool
) -> None:
    """Insert rows by SQLite's driver, many with each statement."""
    driver: Any = connection.connection.driver_connection
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    row_count = len(next(iter(columns.values())))
    statement_rows = min(_SQLITE_ROWS, max(_SQLITE_VALUES // len(names), 1))
    joined_count = row_count - row_count % statement_rows
    if joined_count:
        statement_values = [chain.from_iterable(rows)] * (statement_rows * len(names))
        sql = _insert_each_sql(table, names, if_new, statement_rows)
        driver.executemany(sql, islice(zip(*statement_values, strict=False), joined_count // statement_rows))
        rows = zip(*(values[joined_count:] for values in columns.values()), strict=True)
    driver.executemany(_insert_each_sql(table, names, if_new, 1), rows)


def delete_by_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Delete the rows whose named columns equal the given values.

    Args:
        connection: connection of a write unit.
        table: table to delete from.
        columns: values by column name, of equal length.
    """
    names = tuple(columns)
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.executemany(_delete_each_sql(table, names), zip(*columns.values(), strict=True))
        return
    _run_on_arrays(connection, _delete_arrays(table, names), columns)


def _run_on_arrays(
    connection: Connection, statement: TextClause, columns: Mapping[str, Sequence[Any]]
) -> None:
    """Run a statement that takes each column as one array, in batches."""
    length = len(next(iter(columns.values())))
    for first in range(0, length, _ROWS_PER_STATEMENT):
        batch = {name: values[first : first + _ROWS_PER_STATEMENT] for name, values in columns.items()}
        connection.execute(statement, batch)


@cache
def _insert_one(table: Table) -> Insert:
    return insert(table)


@cache
def _insert_each_sql(table: Table, names: tuple[str, ...], if_new: bool, row_count: int) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    row = f"({', '.join('?' * len(names))})"
    values = ", ".join([row] * row_count)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES {values}{_SKIP_EXISTING if if_new else ""}'


@cache
def _insert_arrays(table: Table, names: tuple[str, ...], if_new: bool) -> TextClause:
    statement = 'INSERT INTO "{table}" ({columns}) SELECT * FROM unnest({values})'
    return _bind_arrays(table, names, f"{statement}{_SKIP_EXISTING}" if if_new else statement)


@cache
def _delete_each_sql(table: Table, names: tuple[str, ...]) -> str:
    conditions = " AND ".join(f'"{name}" = ?' for name in names)
    return f'DELETE FROM "{table.name}" WHERE {conditions}'


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
