"""Reader of Parquet files, in batches of rows that fit the memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from mpi.intake.parquet.bounds import (
    DEFAULT_LIMITS,
    MAX_CONTAINER_ITEMS,
    ParquetLimits,
    ReadPlan,
    plan_read,
)
from mpi.intake.parquet.cell_sizes import is_flat, measure_cells
from mpi.intake.rows import RawRow, RejectedRow
from mpi.intake.tabular_file import MAX_FIELD_CHARACTERS, MAX_RECORD_BYTES, check_header, open_binary

_BUFFER_BYTES = 65_536
"""Bytes of a column that are read from the file at a time; otherwise Arrow reads a whole row group."""
_MAX_VALUES_BYTES = 16 * 1_024 * 1_024
"""Most bytes of the rows that are Python values at a time."""

_DETAILS = {
    "field-too-large": f"a field is longer than {MAX_FIELD_CHARACTERS:,} characters, or the row than "
    f"{MAX_RECORD_BYTES:,} bytes",
    "invalid-utf8": "a field is not UTF-8 text",
    "unreadable-value": "a field has a value that no text can be made of",
}


class ParquetTable:
    """A Parquet file, read as Python values.

    Lists and structs become lists and dicts, timestamps and dates Python's, or text where Python has no
    such value.

    Args:
        path: the file.
        limits: largest file that is read.

    Raises:
        FileError: it is no Parquet file, cut short, corrupt, or exceeds a limit.
    """

    columns_are_complete = True

    def __init__(self, path: Path, limits: ParquetLimits = DEFAULT_LIMITS) -> None:
        self._path = path
        self._limits = limits
        self._size = path.stat().st_size if path.is_file() else 0
        self.position = 0
        with open_binary(path) as source:
            if not self._size:
                raise FileError(f"{path.name}: the file is empty")
            columns = self._open_parquet(source)[0].schema_arrow.names
        check_header(path.name, tuple(columns))
        self.columns: tuple[str, ...] = tuple(columns)

    def rows(self) -> Iterator[RawRow | RejectedRow]:
        """Yield a Parquet file's rows, and a reject for each bad one."""
        number = 0
        with open_binary(self._path) as source:
            parquet, plan = self._open_parquet(source)
            total = parquet.metadata.num_rows
            for batch in self._iter_batches(parquet, plan):
                for part in _divide(batch):
                    if part is None:
                        number += 1
                        yield _reject(number, "field-too-large")
                        continue
                    values = [_read_column(column) for column in part.columns]
                    for row in zip(*values, strict=True):
                        number += 1
                        yield _check_row(number, row)
                self.position = self._size * number // max(total, 1)
        self.position = self._size

    def _open_parquet(self, source: BufferedReader) -> tuple[Any, ReadPlan]:
        """Open a file within the limits, and plan how to read it."""
        options = {
            "buffer_size": _BUFFER_BYTES,
            "pre_buffer": False,
            "thrift_container_size_limit": MAX_CONTAINER_ITEMS,
        }
        try:
            parquet = pq.ParquetFile(source, **options)
            plan = plan_read(self._path.name, source, parquet.metadata, self._limits)
            if plan.dictionary_columns:
                parquet = pq.ParquetFile(
                    source, metadata=parquet.metadata, read_dictionary=plan.dictionary_columns, **options
                )
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{self._path.name}: not a whole Parquet file: is it cut short?") from error
        except UnicodeDecodeError:
            # The error holds the name, so it is not chained.
            raise FileError(f"{self._path.name}: the name of a column is not UTF-8 text") from None
        return parquet, plan

    def _iter_batches(self, parquet: pq.ParquetFile, plan: ReadPlan) -> Iterator[pa.RecordBatch]:
        try:
            for group, rows in enumerate(plan.batch_rows):
                yield from parquet.iter_batches(batch_size=rows, row_groups=[group], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{self._path.name}: the Parquet file is corrupt") from error


def _divide(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the parts of a batch, and None for too large rows."""
    if batch.nbytes <= MAX_RECORD_BYTES and all(is_flat(kind) for kind in batch.schema.types):
        yield batch
        return
    sizes = sum((measure_cells(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))
    if sizes.max(initial=0) <= MAX_RECORD_BYTES and sizes.sum() <= _MAX_VALUES_BYTES:
        yield batch
        return
    start = total = 0
    for position, size in enumerate(sizes.tolist()):
        is_too_large = size > MAX_RECORD_BYTES
        if position > start and (is_too_large or total + size > _MAX_VALUES_BYTES):
            yield batch.slice(start, position - start)
            start, total = position, 0
        if is_too_large:
            yield None
            start = position + 1
        else:
            total += size
    if start < batch.num_rows:
        yield batch.slice(start)


@dataclass(frozen=True, slots=True)
class _UnreadableCell:
    """Parquet cell that causes its row's rejection, with the reason."""

    reason: str


def _read_column(column: pa.Array) -> list[object]:
    """Return a Parquet column's cells as Python values."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Nanoseconds have no Python form; no birth needs them.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except (OverflowError, ValueError):
        # One year 10000 would cost the whole file.
        values = [_read_cell(scalar) for scalar in column]
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [_decode(value) for value in values]
    return values


def _read_cell(scalar: pa.Scalar) -> object:
    """Return a Parquet cell as a Python value, or as unreadable."""
    try:
        return _read_value(scalar)
    except UnicodeDecodeError:
        return _UnreadableCell("invalid-utf8")
    except (OverflowError, ValueError, pa.ArrowException):
        return _UnreadableCell("unreadable-value")


def _read_value(scalar: pa.Scalar) -> object:
    """Convert an Arrow value to Python, or to text as in CSV."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        if isinstance(scalar, pa.StructScalar):
            return {name: _read_value(item) for name, item in scalar.items()}
        if isinstance(scalar, pa.ListScalar):
            return [_read_value(item) for item in scalar]
        if pa.types.is_timestamp(scalar.type):
            # In its zone, Arrow writes a moment beyond all calendars as one within them.
            scalar = scalar.cast(pa.timestamp(scalar.type.unit))
        return scalar.cast(pa.string()).as_py()


def _decode(value: object) -> object:
    """Decode text that a writer stored as bytes."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _UnreadableCell("invalid-utf8")


def _check_row(number: int, row: tuple[object, ...]) -> RawRow | RejectedRow:
    """Return a Parquet row, or a reject where a cell is unusable."""
    for value in row:
        reason = None
        if isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS:
            reason = "field-too-large"
        elif isinstance(value, _UnreadableCell):
            reason = value.reason
        if reason:
            return _reject(number, reason)
    return RawRow(number, None, number, row)


def _reject(number: int, reason: str) -> RejectedRow:
    """Return the reject of a Parquet row."""
    return RejectedRow(number, None, reason, _DETAILS[reason])
