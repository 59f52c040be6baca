"""Tables that grow block by block, as CSV or Parquet files."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from training.simulate.columns import Texts


class FileFormat(StrEnum):
    """Formats in which a simulated state's files are written."""

    CSV = "csv"
    PARQUET = "parquet"


class TableWriter(AbstractContextManager["TableWriter"]):
    """Writer of text columns under a header, as CSV or Parquet.

    An empty text is an empty cell in CSV and null in Parquet.
    """

    def __init__(self, folder: Path, name: str, header: Sequence[str], form: FileFormat) -> None:
        self._header = tuple(header)
        self._file: TextIO | None = None
        path = folder / f"{name}.{form}"
        if form is FileFormat.CSV:
            self._file = path.open("w", encoding="utf-8", newline="")
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow(self._header)
        else:
            self._schema = pa.schema([(column, pa.string()) for column in self._header])
            self._parquet: Any = pq.ParquetWriter(path, self._schema, compression="zstd")

    def append(self, columns: Sequence[Texts]) -> None:
        """Append rows, given as columns in header order."""
        if self._file is not None:
            self._rows.writerows(zip(*columns, strict=True))
            return
        arrays = [pa.array(column, pa.string(), mask=column == "") for column in columns]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        else:
            self._parquet.close()


def read_table(path: Path) -> Iterator[dict[str, str]]:
    """Read a simulated state's table, empty cells as empty texts.

    Raises:
        FileError: the file cannot be read.
    """
    try:
        if path.suffix == f".{FileFormat.CSV}":
            with path.open(encoding="utf-8", newline="") as file:
                yield from csv.DictReader(file)
            return
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches():
                yield from ({name: value or "" for name, value in row.items()} for row in batch.to_pylist())
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as fault:
        raise FileError(f"{path}: cannot be read: {fault}") from None
