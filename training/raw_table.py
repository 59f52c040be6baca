"""Fast reader of canonical files into one Arrow table of texts.

Arrow refuses some files that the csv module reads (rows of uneven length, a cell of megabytes), and
a Parquet file may hold lists or dates where a CSV file holds text. Such a file gives None, and the
caller reads it row by row with ``training.records.read_rows``, which also reports what is wrong
with it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.records import SOURCE_COLUMN

_BLOCK_BYTES = 16_000_000


def read_raw_table(paths: Iterable[Path]) -> pa.Table | None:
    """Read the rows of files with canonical columns, in order.

    Returns:
        The canonical columns that any file has, and ``source``; missing or empty values are null. None
        if a file has to be read row by row.
    """
    tables = []
    for path in paths:
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
        if table is None or not {*SENT_FIELDS, SOURCE_COLUMN}.issuperset(table.column_names):
            return None
        tables.append(_add_source_column(table, path.stem))
    return pa.concat_tables(tables, promote_options="default").combine_chunks() if tables else None


def has_rows(path: Path) -> bool:
    """Return whether a record file has a row below its header.

    Raises:
        FileError: the file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return bool(pq.read_metadata(path).num_rows)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            return any(rows)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise FileError(f"{path}: cannot be read: {error}") from None


def _add_source_column(table: pa.Table, stem: str) -> pa.Table:
    """Add a column that names each row's source, or fill its gaps."""
    if SOURCE_COLUMN not in table.column_names:
        return table.append_column(SOURCE_COLUMN, pa.array([stem] * len(table), pa.string()))
    position = table.column_names.index(SOURCE_COLUMN)
    return table.set_column(position, SOURCE_COLUMN, table[SOURCE_COLUMN].fill_null(stem))


def _read_csv(path: Path) -> pa.Table | None:
    """Read a CSV file as an Arrow table; None if Arrow cannot."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = next(csv.reader(file), [])
        if not columns or len(set(columns)) < len(columns):
            return None
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                # The surname Null is a name: only an empty cell is missing.
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException):
        return None


def _read_parquet(path: Path) -> pa.Table | None:
    """Read a Parquet file of texts; None for other files."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    if not all(_is_text(arrow_type) for arrow_type in table.schema.types):
        return None
    texts = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    columns = [pc.if_else(pc.equal(column, ""), None, column) for column in texts.columns]
    return pa.table(columns, names=texts.column_names)


def _is_text(arrow_type: pa.DataType) -> bool:
    """Return whether an Arrow type holds texts."""
    if pa.types.is_dictionary(arrow_type):
        return _is_text(arrow_type.value_type)
    return bool(
        pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_null(arrow_type)
    )
