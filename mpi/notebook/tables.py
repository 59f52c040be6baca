"""Conversion between tables of any library and rows.

Everything that speaks Arrow is taken: pandas, Polars, DuckDB, PyArrow. So no library but PyArrow is needed.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa

from mpi.domain.errors import InputError

_PANDAS = "pandas"
_WANTED = "give a data frame, an Arrow table, or a list of dictionaries"


def to_arrow(table: object) -> pa.Table:
    """Return a table of any library as an Arrow table.

    Raises:
        InputError: it is no table.
    """
    try:
        if isinstance(table, list):
            # By itself, Arrow would take the columns of the first row alone.
            names = dict.fromkeys(name for row in table for name in row)
            return pa.table({name: [row.get(name) for row in table] for name in names})
        if _is_pandas(table):
            return pa.Table.from_pandas(table, preserve_index=False)
        if isinstance(table, pa.Table) or hasattr(table, "__arrow_c_stream__"):
            return pa.table(table)
    except (pa.ArrowException, TypeError, AttributeError):
        raise InputError(
            f"the table has values that are neither text, numbers nor dates: {_WANTED}"
        ) from None
    raise InputError(_WANTED)


def from_arrow(table: pa.Table, like: object) -> Any:  # noqa: ANN401 - the table of the caller's library
    """Return a table in the form that the caller gave."""
    return table.to_pandas() if _is_pandas(like) else table


def iterate_records(table: pa.Table) -> Iterator[dict[str, object]]:
    """Yield the rows of a table as records.

    Empty cells are left out; dates are text by ISO 8601.
    """
    for batch in table.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist():
            yield {name: _to_value(value) for name, value in row.items() if not _is_empty(value)}


def add_columns(table: pa.Table, rows: Sequence[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Return a table with further columns.

    ``values`` has a row for each of its rows.

    Args:
        table: the table; its columns of the same names are replaced.
        rows: the values, in the order of the table.
        schema: names and types of the further columns.
    """
    for column in schema:
        values = pa.array([row.get(column.name) for row in rows], column.type)
        if column.name in table.column_names:
            table = table.drop_columns([column.name])
        table = table.append_column(column, values)
    return table


def _is_pandas(table: object) -> bool:
    return type(table).__module__.partition(".")[0] == _PANDAS and hasattr(table, "columns")


def _is_empty(value: object) -> bool:
    # NaN differs from itself.
    return value is None or value == "" or (isinstance(value, float) and value != value)  # noqa: PLR0124


def _to_value(value: object) -> object:
    """Return a cell as a record states it."""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    return value.isoformat() if isinstance(value, date) else value
