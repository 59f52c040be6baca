"""Standardization of record files by column, once for each distinct value.

Names, streets, phone numbers and dates repeat between records, and most columns of ``Features``
depend on one or a few fields. So the functions of ``mpi.standardize`` run on the distinct values of
those fields, and every record that has a value gets its result. An unusual record (other names,
earlier birth dates, a restriction) passes record validation and ``standardize`` as a whole, as in
the index. A test holds that both ways give the same features.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.scoring.splink_engine import make_feature_schema, make_feature_table
from mpi.standardize.fields.scalars import MAX_VALUE_CHARACTERS
from mpi.standardize.process_pool import start_pool
from training.field_groups import (
    FIRST_GROUPS,
    OTHER_GROUPS,
    RARE_FIELDS,
    REFUSED_COLUMN,
    FieldGroup,
    Values,
    find_group,
)
from training.records import SOURCE_COLUMN, RecordRow, standardize_rows

_SCHEMA = make_feature_schema(FEATURE_COLUMNS)
VALUES_PER_TASK = 10_000
_ROWS_PER_TASK = 2_500
PARALLEL_FROM_ROWS = 40_000  # fewer finish before a second process has started
_MAX_COMBINATIONS = 2**62  # combinations that one integer can number
_NUL = "\0"

Indices = npt.NDArray[np.int64]
_Task = tuple[str, datetime, pa.Table]


def standardize_table(
    raw: pa.Table,
    workers: int | None = None,
    *,
    parallel_from: int = PARALLEL_FROM_ROWS,
    values_per_task: int = VALUES_PER_TASK,
) -> pa.Table:
    """Standardize the rows of a table of canonical fields.

    Args:
        raw: text columns, missing values null; with a column ``source``.
        workers: number of processes; None for one per core.
        parallel_from: smallest number of rows for which processes are started.
        values_per_task: distinct values that one task standardizes.

    Returns:
        ``unique_id`` (the position of the row) and all feature columns, as ``feature_table`` returns
        them, in no particular order. Rows that record validation refuses are left out.
    """
    count = workers or os.cpu_count() or 1
    if count == 1 or len(raw) < parallel_from:
        return _standardize(raw, values_per_task, None)
    with start_pool(count) as pool:
        return _standardize(raw, values_per_task, pool)


def _split_ordinary_rows(raw: pa.Table) -> tuple[Indices, Indices]:
    """Return positions of rows to standardize by column, and of unusual rows.

    Unusual rows have a rarely sent field, or an overlong or unusable value.
    """
    is_unusual = np.zeros(len(raw), dtype=np.bool_)
    for name in raw.column_names:
        if name in RARE_FIELDS:
            is_unusual |= raw[name].is_valid().to_numpy()
        else:
            too_long = pc.greater(pc.utf8_length(raw[name]), MAX_VALUE_CHARACTERS)
            unusable = pc.or_(too_long, pc.match_substring(raw[name], _NUL))
            is_unusual |= unusable.fill_null(fill_value=False).to_numpy()
    return np.flatnonzero(~is_unusual), np.flatnonzero(is_unusual)


def _standardize(raw: pa.Table, values_per_task: int, pool: Executor | None) -> pa.Table:
    """Standardize ordinary rows by column, and unusual rows one by one."""
    ordinary, unusual = _split_ordinary_rows(raw)
    received = clock.now()
    positioned = raw.append_column("place", pa.array(np.arange(len(raw))))
    parts = (
        positioned.take(unusual[start : start + _ROWS_PER_TASK])
        for start in range(0, len(unusual), _ROWS_PER_TASK)
    )
    unusual_tasks = _start_tasks((("", received, part) for part in parts), pool)
    builder = _ColumnBuilder(raw.take(ordinary), received, values_per_task)
    builder.add_groups(FIRST_GROUPS, pool)
    builder.add_groups(OTHER_GROUPS, pool)
    return pa.concat_tables([builder.build_features(ordinary), *(wait() for wait in unusual_tasks)])


class _ColumnBuilder:
    """Feature columns of one table, built by groups of fields."""

    def __init__(self, raw: pa.Table, received: datetime, values_per_task: int) -> None:
        self._values_per_task = values_per_task
        self._length = len(raw)
        self._received = received
        self._raw = {name: raw[name].combine_chunks() for name in raw.column_names}
        self._codes: dict[str, tuple[Indices, int]] = {}
        self._columns: dict[str, pa.Array] = {}
        self._refused = np.zeros(self._length, dtype=np.bool_)

    def add_groups(self, groups: Iterable[FieldGroup], pool: Executor | None) -> None:
        """Build the feature columns of all given field groups at once."""
        started = []
        for group in groups:
            first_rows, combination = self._find_distinct(group)
            parts = (
                first_rows[start : start + self._values_per_task]
                for start in range(0, len(first_rows), self._values_per_task)
            )
            started.append(
                (combination, _start_tasks((self._build_task(group, part) for part in parts), pool))
            )
        for combination, tasks in started:
            if tasks:
                self._store(pa.concat_tables([wait() for wait in tasks]), combination)

    def build_features(self, ids: Indices) -> pa.Table:
        """Return all feature columns of the rows that passed every field check."""
        if not self._length:
            return _SCHEMA.empty_table()
        accepted = pa.array(~self._refused)
        columns = {
            "unique_id": pa.array(ids, pa.int64()),
            SOURCE_COLUMN: self._raw[SOURCE_COLUMN],
            **_combine_columns(self._columns),
        }
        arrays = [
            columns.get(name, pa.nulls(self._length, self._column_type(name))) for name in _SCHEMA.names
        ]
        return pa.table(arrays, schema=_SCHEMA).filter(accepted)

    def _column_type(self, name: str) -> pa.DataType:
        """Return the Arrow type of a feature column."""
        return _SCHEMA.field(name).type

    def _build_task(self, group: FieldGroup, rows: Indices) -> _Task:
        """Build the task that standardizes given rows of a field group."""
        values = {name: self._read_column(name, group).take(rows) for name in group.fields}
        return group.name, self._received, pa.table(values)

    def _store(self, results: pa.Table, combination: Indices) -> None:
        """Store a field group's standardized values for all rows."""
        rows = pa.array(combination)
        self._refused |= results[REFUSED_COLUMN].combine_chunks().take(rows).to_numpy(zero_copy_only=False)
        for name in results.column_names:
            if name != REFUSED_COLUMN:
                self._columns[name] = results[name].combine_chunks().take(rows)

    def _read_column(self, name: str, group: FieldGroup) -> pa.Array:
        """Return a raw field, or a column of an earlier field group.

        Values are null in rows that the group does not read.
        """
        column = self._raw.get(name, self._columns.get(name))
        if column is None:
            return pa.nulls(self._length, pa.string())
        nulls = pa.nulls(self._length, pa.string())
        if group.trivial_pattern is not None:
            return pc.if_else(pc.match_substring_regex(column, group.trivial_pattern), nulls, column)
        if group.required_field is None or name == group.required_field:
            return column
        required = self._raw.get(group.required_field)
        return nulls if required is None else pc.if_else(required.is_valid(), column, nulls)

    def _find_distinct(self, group: FieldGroup) -> tuple[Indices, Indices]:
        """Return distinct combinations of field values, and each row's combination."""
        codes, combinations = np.zeros(self._length, dtype=np.int64), 1
        for name in group.fields:
            field_codes, width = self._encode(name, group)
            if combinations * width >= _MAX_COMBINATIONS:
                unique, codes = np.unique(codes, return_inverse=True)
                combinations = len(unique)
            codes, combinations = codes * width + field_codes, combinations * width
        _, first_rows, combination = np.unique(codes, return_index=True, return_inverse=True)
        return first_rows, combination

    def _encode(self, name: str, group: FieldGroup) -> tuple[Indices, int]:
        """Encode a field's values as integers; return them with their count."""
        key = f"{name}/{group.required_field or group.trivial_pattern or ''}"
        if key not in self._codes:
            encoded = self._read_column(name, group).dictionary_encode()
            numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
            self._codes[key] = numbers, len(encoded.dictionary) + 1
        return self._codes[key]


def _combine_columns(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Combine the columns to which several field groups contribute."""
    stated = columns["says_multiple_birth"]
    return {
        **columns,
        "suffix": pc.coalesce(*(columns[f"{name}_suffix"] for name in ("own", "surname", "given", "middle"))),
        "multiple_birth": pc.if_else(stated, stated, columns["said_multiple_birth"]),
    }


def _start_tasks(tasks: Iterable[_Task], pool: Executor | None) -> list[Callable[[], pa.Table]]:
    """Start standardization tasks; each returned function waits for one result."""
    if pool is None:
        return [partial(_run_task, *task) for task in tasks]
    return [pool.submit(_run_task, *task).result for task in tasks]


def _run_task(name: str, received: datetime, values: pa.Table) -> pa.Table:
    """Standardize distinct values of one field group, or whole rows if none."""
    if not name:
        return _standardize_rows(values)
    group = find_group(name)
    rows = zip(*(values[field].to_pylist() for field in group.fields), strict=True)
    results = [_read_values(group, row, received) for row in rows]
    columns = list(zip(*(answer or group.null_row for answer in results), strict=True))
    arrays = {
        column: pa.array(column_values, kind)
        for (column, kind), column_values in zip(group.column_types.items(), columns, strict=True)
    }
    return pa.table({**arrays, REFUSED_COLUMN: pa.array([answer is None for answer in results], pa.bool_())})


def _read_values(group: FieldGroup, values: Values, received: datetime) -> Sequence[object] | None:
    """Read one combination of field values; None if validation refuses the values."""
    try:
        return group.read(values, received)
    except RecordError:
        return None  # the caller counts it; only ingest reports the reason


def _standardize_rows(rows: pa.Table) -> pa.Table:
    """Standardize rows with unusual values one record at a time."""
    raw_rows = [
        RecordRow(
            row.pop(SOURCE_COLUMN), {name: value for name, value in row.items() if value is not None}, {}
        )
        for row in rows.drop_columns(["place"]).to_pylist()
    ]
    records: list[tuple[int, Features]] = [
        (position, features)
        for position, features in zip(rows["place"].to_pylist(), standardize_rows(raw_rows), strict=True)
        if features is not None
    ]
    return make_feature_table(records, FEATURE_COLUMNS)
