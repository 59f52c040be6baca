"""Standardizes whole files column by column: every distinct value once, and not once a record.

Names, streets, telephones and dates repeat from record to record, and most columns of ``Features`` depend on
one or a few fields. So the functions of ``mpi.standardize`` are asked of the distinct values of those fields,
and their answers are given to every record that has them. A record that is out of the ordinary (other names,
earlier birth dates, a restriction) goes through the door and ``standardize`` whole, as in the index. A test
holds that both ways make the same features of any record.
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
from mpi.matching.scoring.batch import make_feature_schema, make_feature_table
from mpi.standardize.fields.scalars import MAX_VALUE_CHARACTERS
from mpi.standardize.process_pool import start_pool as processes
from training.field_groups import (
    FIRST_GROUPS,
    OTHER_GROUPS,
    REFUSED_COLUMN,
    RARE_FIELDS,
    FieldGroup,
    Values,
    find_group,
)
from training.records import SOURCE_COLUMN, RawRow, standardize_rows

_SCHEMA = make_feature_schema(FEATURE_COLUMNS)
VALUES_PER_TASK = 10_000
_ROWS_PER_TASK = 2_500
PARALLEL_FROM_ROWS = 40_000  # fewer are done before a second process has started
_MAX_COMBINATIONS = 2**62  # combinations that one integer can number
_NUL = "\0"

Indices = npt.NDArray[np.int64]
_Task = tuple[str, datetime, pa.Table]


def standardize_table(sent: pa.Table, workers: int | None = None) -> pa.Table:
    """Standardize the rows of a table of canonical fields.

    Args:
        sent: texts only, a missing value null; with a column ``source``.
        workers: processes; None for one a core.

    Returns:
        ``unique_id``, the row's place, and all feature columns, as ``make_feature_table`` has them; in no
        particular order. A row that the door refuses is left out.
    """
    ordinary, whole = _split_ordinary_rows(sent)
    received = clock.now()
    count = workers or os.cpu_count() or 1
    if count == 1 or len(sent) < PARALLEL_FROM_ROWS:
        return _standardize(sent, ordinary, whole, received, None)
    with processes(count) as pool:
        return _standardize(sent, ordinary, whole, received, pool)


def _split_ordinary_rows(sent: pa.Table) -> tuple[Indices, Indices]:
    """Places of the rows that are standardized by column, and of those that are out of the ordinary."""
    odd = np.zeros(len(sent), dtype=np.bool_)
    for name in sent.column_names:
        if name in RARE_FIELDS:
            odd |= sent[name].is_valid().to_numpy()
        else:
            long = pc.greater(pc.utf8_length(sent[name]), MAX_VALUE_CHARACTERS)
            unusable = pc.or_(long, pc.match_substring(sent[name], _NUL))
            odd |= unusable.fill_null(fill_value=False).to_numpy()
    return np.flatnonzero(~odd), np.flatnonzero(odd)


def _standardize(
    sent: pa.Table, ordinary: Indices, whole: Indices, received: datetime, pool: Executor | None
) -> pa.Table:
    placed = sent.append_column("place", pa.array(np.arange(len(sent))))
    parts = (placed.take(whole[at : at + _ROWS_PER_TASK]) for at in range(0, len(whole), _ROWS_PER_TASK))
    rest = _start_tasks((("", received, part) for part in parts), pool)
    usual = _ColumnBuilder(sent.take(ordinary), received)
    usual.add_groups(FIRST_GROUPS, pool)
    usual.add_groups(OTHER_GROUPS, pool)
    return pa.concat_tables([usual.build_features(ordinary), *(done() for done in rest)])


class _ColumnBuilder:
    """The columns of a table as they are made, group by group."""

    def __init__(self, sent: pa.Table, received: datetime) -> None:
        self._length = len(sent)
        self._received = received
        self._raw = {name: sent[name].combine_chunks() for name in sent.column_names}
        self._codes: dict[str, tuple[Indices, int]] = {}
        self._columns: dict[str, pa.Array] = {}
        self._refused = np.zeros(self._length, dtype=np.bool_)

    def add_groups(self, groups: Iterable[FieldGroup], pool: Executor | None) -> None:
        """Make the columns of the groups, all at once."""
        begun = []
        for group in groups:
            first, place = self._find_distinct(group)
            parts = (first[at : at + VALUES_PER_TASK] for at in range(0, len(first), VALUES_PER_TASK))
            begun.append((place, _start_tasks((self._build_task(group, part) for part in parts), pool)))
        for place, tasks in begun:
            if tasks:
                self._store(pa.concat_tables([done() for done in tasks]), place)

    def build_features(self, ids: Indices) -> pa.Table:
        """All feature columns of the rows that no group refused."""
        if not self._length:
            return _SCHEMA.empty_table()
        kept = pa.array(~self._refused)
        columns = {"unique_id": pa.array(ids, pa.int64()), **_combine_columns(self._columns)}
        arrays = [columns.get(name, pa.nulls(self._length, self._column_type(name))) for name in _SCHEMA.names]
        return pa.table(arrays, schema=_SCHEMA).filter(kept)

    def _column_type(self, name: str) -> pa.DataType:
        return _SCHEMA.field(name).type

    def _build_task(self, group: FieldGroup, rows: Indices) -> _Task:
        values = {name: self._read_column(name, group).take(rows) for name in group.fields}
        return group.name, self._received, pa.table(values)

    def _store(self, made: pa.Table, place: Indices) -> None:
        at = pa.array(place)
        self._refused |= made[REFUSED_COLUMN].combine_chunks().take(at).to_numpy(zero_copy_only=False)
        for name in made.column_names:
            if name != REFUSED_COLUMN:
                self._columns[name] = made[name].combine_chunks().take(at)

    def _read_column(self, name: str, group: FieldGroup) -> pa.Array:
        """A field, or what an earlier group made; null where the group does not look at the row."""
        found = self._raw.get(name, self._columns.get(name))
        if found is None:
            return pa.nulls(self._length, pa.string())
        nothing = pa.nulls(self._length, pa.string())
        if group.trivial_pattern is not None:
            return pc.if_else(pc.match_substring_regex(found, group.trivial_pattern), nothing, found)
        if group.required_field is None or name == group.required_field:
            return found
        asked = self._raw.get(group.required_field)
        return nothing if asked is None else pc.if_else(asked.is_valid(), found, nothing)

    def _find_distinct(self, group: FieldGroup) -> tuple[Indices, Indices]:
        """A place of each distinct combination of the group's fields, and which one each row has."""
        codes, kinds = np.zeros(self._length, dtype=np.int64), 1
        for name in group.fields:
            more, width = self._encode(name, group)
            if kinds * width >= _MAX_COMBINATIONS:
                unique, codes = np.unique(codes, return_inverse=True)
                kinds = len(unique)
            codes, kinds = codes * width + more, kinds * width
        _, first, place = np.unique(codes, return_index=True, return_inverse=True)
        return first, place

    def _encode(self, name: str, group: FieldGroup) -> tuple[Indices, int]:
        key = f"{name}/{group.required_field or group.trivial_pattern or ''}"
        if key not in self._codes:
            coded = self._read_column(name, group).dictionary_encode()
            numbers = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
            self._codes[key] = numbers, len(coded.dictionary) + 1
        return self._codes[key]


def _combine_columns(made: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The columns to which several groups add."""
    says = made["says_multiple_birth"]
    return {
        **made,
        "suffix": pc.coalesce(*(made[f"{name}_suffix"] for name in ("own", "surname", "given", "middle"))),
        "multiple_birth": pc.if_else(says, says, made["said_multiple_birth"]),
    }


def _start_tasks(tasks: Iterable[_Task], pool: Executor | None) -> list[Callable[[], pa.Table]]:
    """Begin the tasks; each answer is there once it is asked for."""
    if pool is None:
        return [partial(_run_task, *task) for task in tasks]
    return [pool.submit(_run_task, *task).result for task in tasks]


def _run_task(name: str, received: datetime, values: pa.Table) -> pa.Table:
    """One task: distinct values of a group, or, without a name, rows to be standardized whole."""
    if not name:
        return _standardize_rows(values)
    group = find_group(name)
    rows = zip(*(values[field].to_pylist() for field in group.fields), strict=True)
    answers = [_read_values(group, row, received) for row in rows]
    columns = list(zip(*(answer or group.null_row for answer in answers), strict=True))
    made = {
        column: pa.array(found, kind)
        for (column, kind), found in zip(group.column_types.items(), columns, strict=True)
    }
    return pa.table({**made, REFUSED_COLUMN: pa.array([answer is None for answer in answers], pa.bool_())})


def _read_values(group: FieldGroup, values: Values, received: datetime) -> Sequence[object] | None:
    try:
        return group.read(values, received)
    except RecordError:
        return None  # counted by the caller; ingest is where a reject gets its reason


def _standardize_rows(rows: pa.Table) -> pa.Table:
    """Rows that are standardized as records are everywhere."""
    sent = [
        RawRow(row.pop(SOURCE_COLUMN), {name: value for name, value in row.items() if value is not None}, {})
        for row in rows.drop_columns(["place"]).to_pylist()
    ]
    made: list[tuple[int, Features]] = [
        (place, features)
        for place, features in zip(rows["place"].to_pylist(), standardize_rows(sent), strict=True)
        if features is not None
    ]
    return make_feature_table(made, FEATURE_COLUMNS)
