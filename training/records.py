"""Reads files of canonical records and makes them comparable, as the index itself does."""

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
from mpi.domain.record import SENT_FIELDS
from mpi.standardize.process_pool import spread
from mpi.standardize.record import standardize
from mpi.standardize.record_validation import receive
from mpi.standardize.shared_value_detection import find_shared
from mpi.standardize.shared_values import without_shared

SEAL = KeyedHash(bytes(SECRET_BYTES))
"""Training keeps no token: the key only has to be the same for all records of a run."""

SOURCE_COLUMN = "source"
_CHUNK = 5_000
_LARGEST_CELL = 10_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A row as it stands in a file.

    Args:
        source: the row's ``source`` column, or the name of its file.
        fields: canonical fields that have a value.
        others: columns that are not canonical, such as a truth column.
    """

    source: str
    fields: Mapping[str, object]
    others: Mapping[str, object]


def read_rows(path: Path, also: Sequence[str] = ()) -> Iterator[Sent]:
    """The rows of a CSV or Parquet file with canonical columns.

    Args:
        path: the file.
        also: columns to accept that are not canonical; never seen by the model.

    Raises:
        FileError: it cannot be read, or has a column that is neither canonical nor named.
    """
    rows = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    for number, row in enumerate(rows):
        if number == 0:
            _check_columns(path, row, also)
        filled = {name: value for name, value in row.items() if value not in (None, "")}
        yield Sent(
            source=str(row.get(SOURCE_COLUMN) or path.stem),
            fields={name: filled[name] for name in SENT_FIELDS if name in filled},
            others={name: row.get(name) for name in also},
        )


def features_of(rows: Iterable[Sent], count: int | None = None) -> list[Features | None]:
    """Standardize rows on all cores, in order; None for a row that the door refuses."""
    return [features for done in spread(standardized, _chunks(rows), count) for features in done]


def reclustered(records: Iterable[tuple[int, Features]]) -> list[tuple[int, Features]]:
    """The records as an index compares them once it is re-clustered with fresh lists.

    Args:
        records: all of the index's, numbered; nothing taken out of them.
    """
    standing = list(records)
    shared = find_shared((features for _, features in standing), SEAL)
    return [(number, without_shared(features, shared, SEAL)) for number, features in standing]


def standardized(rows: Sequence[Sent]) -> list[Features | None]:
    """Standardize rows in this process, in order; None for a row that the door refuses."""
    received = clock.now()
    made: list[Features | None] = []
    for number, row in enumerate(rows):
        try:
            record = receive({"local_id": str(number), **row.fields}, SEAL, received).record
        except RecordError:
            made.append(None)  # counted by the caller; ingest is where a reject gets its reason
            continue
        made.append(standardize(record, row.source, SEAL))
    return made


def _chunks(rows: Iterable[Sent]) -> Iterator[list[Sent]]:
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk


def _csv(path: Path) -> Iterator[Mapping[str, object]]:
    csv.field_size_limit(min(_LARGEST_CELL, sys.maxsize))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise FileError(f"{path}: cannot be read as CSV in UTF-8: {fault}") from None


def _parquet(path: Path) -> Iterator[Mapping[str, object]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as fault:
        raise FileError(f"{path}: cannot be read as Parquet: {fault}") from None


def _check_columns(path: Path, row: Mapping[str, object], also: Sequence[str]) -> None:
    known = {*SENT_FIELDS, SOURCE_COLUMN, *also}
    unknown = [str(name) for name in row if name not in known]
    if unknown:
        raise FileError(f"{path}: column {unknown[0]!r} is not a canonical column (docs/canonical-record.md)")
    missing = [name for name in also if name not in row]
    if missing:
        raise FileError(f"{path}: there is no column {missing[0]!r}")
