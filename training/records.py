"""Reader and standardizer of canonical record files, one row at a time."""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain import clock
from mpi.domain.errors import FileError, RecordError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.record import SENT_FIELDS, QualityIssue
from mpi.standardize.process_pool import map_chunks
from mpi.standardize.record_validation import validate_record
from mpi.standardize.shared_value_detection import find_shared_values
from mpi.standardize.shared_values import drop_shared_values
from mpi.standardize.standardizer import standardize

KEYED_HASH = KeyedHash(bytes(SECRET_BYTES))
"""Fixed keyed hash of training runs.

Training stores no token: the key only has to be equal for all records of a run.
"""

SOURCE_COLUMN = "source"
_CHUNK_ROWS = 5_000
_LARGEST_CELL_CHARACTERS = 10_000_000


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One row as a record file holds it.

    Args:
        source: the row's ``source`` column, or the name of its file.
        fields: canonical fields that have a value.
        extra_columns: columns that are not canonical, such as a truth column.
        issues: what a mapping could not read; such a value is not in ``fields``.
    """

    source: str
    fields: Mapping[str, object]
    extra_columns: Mapping[str, object]
    issues: tuple[QualityIssue, ...] = ()


def read_rows(path: Path, extra_columns: Sequence[str] = ()) -> Iterator[RecordRow]:
    """Read the rows of a CSV or Parquet file with canonical columns.

    Args:
        path: the file.
        extra_columns: columns to accept that are not canonical; a model never sees them.

    Raises:
        FileError: the file cannot be read, lacks an extra column, or has a column that is neither
            canonical nor extra.
    """
    rows = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    for number, row in enumerate(rows):
        if number == 0:
            _check_columns(path, row, extra_columns)
        filled = {name: value for name, value in row.items() if value not in (None, "")}
        yield RecordRow(
            source=str(row.get(SOURCE_COLUMN) or path.stem),
            fields={name: filled[name] for name in SENT_FIELDS if name in filled},
            extra_columns={name: row.get(name) for name in extra_columns},
        )


def standardize_in_parallel(rows: Iterable[RecordRow], count: int | None = None) -> list[Features | None]:
    """Standardize rows on all cores, in order.

    Args:
        rows: rows of record files.
        count: number of processes; None for one per core.

    Returns:
        Features of each row; None for a row that record validation refuses.
    """
    return [
        features
        for chunk in map_chunks(standardize_rows, _split_into_chunks(rows), count)
        for features in chunk
    ]


def remove_shared_values(records: Iterable[tuple[int, Features]]) -> list[tuple[int, Features]]:
    """Remove values that many people share, as a re-cluster does.

    Args:
        records: all records of the index, with IDs; no value removed from them.
    """
    all_records = list(records)
    shared = find_shared_values((features for _, features in all_records), KEYED_HASH)
    return [(number, drop_shared_values(features, shared, KEYED_HASH)) for number, features in all_records]


def standardize_rows(rows: Sequence[RecordRow]) -> list[Features | None]:
    """Standardize rows in this process, in order.

    Returns:
        Features of each row; None for a row that record validation refuses.
    """
    received = clock.now()
    results: list[Features | None] = []
    for number, row in enumerate(rows):
        try:
            record = validate_record({"local_id": str(number), **row.fields}, KEYED_HASH, received).record
        except RecordError:
            results.append(None)  # the caller counts it; only ingest reports the reason
            continue
        results.append(standardize(record, row.source, KEYED_HASH))
    return results


def _split_into_chunks(rows: Iterable[RecordRow]) -> Iterator[list[RecordRow]]:
    """Split rows into chunks for the worker processes."""
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        yield chunk


def _read_csv(path: Path) -> Iterator[Mapping[str, object]]:
    """Read the rows of a CSV file."""
    csv.field_size_limit(min(_LARGEST_CELL_CHARACTERS, sys.maxsize))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            for row in rows:
                if None in row:
                    raise FileError(
                        f"{path}: line {rows.line_num} has more values than the header has columns: correct "
                        f"it, or leave such lines out with --format {path.stem}=csv"
                    )
                yield row
    except UnicodeDecodeError:
        raise FileError(
            f"{path}: the file is not UTF-8; if it is Windows-1252, give a --mapping with "
            'encoding = "windows-1252" under [file]'
        ) from None
    except (OSError, csv.Error) as error:
        raise FileError(f"{path}: cannot be read as CSV: {error}") from None


def _read_parquet(path: Path) -> Iterator[Mapping[str, object]]:
    """Read the rows of a Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{path}: cannot be read as Parquet: {error}") from None


def _check_columns(path: Path, row: Mapping[str, object], extra_columns: Sequence[str]) -> None:
    """Refuse a row with unknown columns or without the expected extra columns."""
    allowed = {*SENT_FIELDS, SOURCE_COLUMN, *extra_columns}
    unknown = [str(name) for name in row if name not in allowed]
    if unknown:
        raise FileError(
            f"{path}: column {unknown[0]!r} is not a canonical column (docs/canonical-record.md); other "
            "columns and delimiters need a --mapping"
        )
    missing = [name for name in extra_columns if name not in row]
    if missing:
        raise FileError(f"{path}: there is no column {missing[0]!r}")
