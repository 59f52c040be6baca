"""Import of stored features into DuckDB tables, in batches.

DuckDB parses the stored JSON itself, so no value becomes a Python object.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

import duckdb
import numpy as np
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS
from mpi.matching.compiler.conditions import BOOLEAN_COLUMNS, NUMBER_COLUMNS

STORED_FEATURE_SCHEMA = pa.schema([("unique_id", pa.int64()), ("features", pa.string())])
"""Columns of stored features: record id and JSON text."""
BATCH_ROWS = 20_000
"""Rows of a batch of stored features."""
ROW_GROUP_ROWS = 122_880
"""Rows of a DuckDB row group."""


def batch_stored_features(records: Iterable[tuple[int, bytes]]) -> Iterator[pa.RecordBatch]:
    """Yield records' stored features in Arrow batches."""
    source = iter(records)
    while rows := list(islice(source, BATCH_ROWS)):
        numbers, payloads = zip(*rows, strict=True)
        texts = pa.array(payloads, pa.binary()).cast(pa.string())
        yield pa.record_batch([pa.array(numbers, pa.int64()), texts], schema=STORED_FEATURE_SCHEMA)


def batch_joined_features(
    parts: Iterable[tuple[Sequence[int], Sequence[int], bytes]],
) -> Iterator[pa.RecordBatch]:
    """Yield stored features of many records, joined in bytes, in Arrow batches.

    Args:
        parts: records, length of each one's features in bytes, and all features joined.

    Raises:
        ArrowInvalid: the stored bytes are no text.
    """
    for records, lengths, joined in parts:
        ends = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=ends[1:])
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(joined)]
        texts = pa.Array.from_buffers(pa.string(), len(lengths), buffers)
        texts.validate(full=True)
        yield pa.record_batch([pa.array(records, pa.int64()), texts], schema=STORED_FEATURE_SCHEMA)


def create_feature_table(connection: duckdb.DuckDBPyConnection, table: str, columns: Collection[str]) -> None:
    """Create an empty table for features, replacing any of that name."""
    declared = ", ".join(f'"{name}" {_get_sql_type(name)}' for name in ("unique_id", *columns))
    connection.execute(f"CREATE OR REPLACE TABLE {table} ({declared})")


def insert_features(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    batches: Iterable[pa.RecordBatch],
    columns: Collection[str],
    row_group_rows: int = ROW_GROUP_ROWS,
) -> None:
    """Insert stored features into a table of features.

    Args:
        connection: has the table.
        table: name of the table.
        batches: in STORED_FEATURE_SCHEMA: JSON arrays in the order of Features.
        columns: columns of the table.
        row_group_rows: rows of one row group of the table.
    """
    paths = ", ".join(f"'$[{FEATURE_COLUMNS.index(name)}]'" for name in columns)
    extractions = ", ".join(_write_extraction(name, position) for position, name in enumerate(columns, 1))
    for rows in _merge_into_row_groups(batches, row_group_rows):
        connection.register("packed", rows)
        connection.execute(
            f"INSERT INTO {table} SELECT unique_id, {extractions} FROM "
            f"(SELECT unique_id, json_extract_string(features, [{paths}]) AS v FROM packed)"
        )
        connection.unregister("packed")


def _merge_into_row_groups(batches: Iterable[pa.RecordBatch], row_group_rows: int) -> Iterator[pa.Table]:
    """Yield the rows in tables of whole DuckDB row groups.

    DuckDB would compress, and copy, rows that are added a few at a time: that takes three times as long.
    """
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        pending.append(batch)
        rows = sum(one.num_rows for one in pending)
        if rows >= row_group_rows:
            table = pa.Table.from_batches(pending)
            full_rows = rows - rows % row_group_rows
            yield table.slice(0, full_rows)
            pending = table.slice(full_rows).to_batches()
    if pending:
        yield pa.Table.from_batches(pending)


def _get_sql_type(column: str) -> str:
    """Return the SQL type of a feature column."""
    if column == "unique_id":
        return "BIGINT"
    if column in LIST_COLUMNS:
        return "VARCHAR[]"
    if column in NUMBER_COLUMNS:
        return "INTEGER"
    return "BOOLEAN" if column in BOOLEAN_COLUMNS else "VARCHAR"


def _write_extraction(column: str, position: int) -> str:
    """Write SQL that extracts a column from stored JSON."""
    text = f"v[{position}]"
    if column in LIST_COLUMNS:
        return f"CASE WHEN {text} <> '[]' THEN from_json({text}, '[\"VARCHAR\"]') END"
    return f"CAST({text} AS {_get_sql_type(column)})"
