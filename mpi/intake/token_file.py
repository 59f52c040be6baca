"""Reader of Open Link Token files, with a row for each token.

The columns are ``RecordId``, ``RuleId`` and ``Token``, as CSV or Parquet
(https://github.com/TruvetaPublic/OpenLinkToken, ``pages/specification.md``). Rows of one record follow each
other, as the scheme writes them; they become one canonical row. Rows that are apart are rows of one local ID,
of which the last one counts. The tokens are those after decryption.
"""

from collections.abc import Iterator
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.cell_conversion import to_text
from mpi.intake.csv_file import CsvTable
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.rows import CanonicalRow, RawRow, RejectedRow
from mpi.intake.tabular_file import TabularFile
from mpi.standardize.fields.lists import MAX_LIST_ENTRIES

TOKEN_FILE_COLUMNS = ("RecordId", "RuleId", "Token")
"""Columns of such a file, in the order in which we write them."""


class TokenFile:
    """A file of linkage tokens, read as canonical rows.

    Args:
        path: a CSV file; one whose name ends in ``.parquet`` is Parquet.

    Raises:
        FileError: the file cannot be read, or has other columns.
    """

    def __init__(self, path: Path) -> None:
        is_parquet = path.suffix.lower() == ".parquet"
        self._table: TabularFile = ParquetTable(path) if is_parquet else CsvTable(path, ",", "utf-8")
        self.columns = self._table.columns
        if sorted(self.columns) != sorted(TOKEN_FILE_COLUMNS):
            raise FileError(f"{path.name}: a file of tokens has the columns {', '.join(TOKEN_FILE_COLUMNS)}")
        self._positions = [self.columns.index(column) for column in TOKEN_FILE_COLUMNS]

    @property
    def position(self) -> int:
        """Number of bytes read."""
        return self._table.position

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield a row for each record, or a reject.

        Raises:
            FileError: the rest of the file cannot be read.
        """
        first: RawRow | None = None
        tokens: list[dict[str, object]] = []
        for row in self._table.rows():
            if isinstance(row, RejectedRow):
                # It leaves out a token, and does not part the record's other rows.
                yield row
                continue
            if first is not None and self._read(row, 0) != self._read(first, 0):
                yield self._make_row(first, tokens)
                first, tokens = None, []
            first = first or row
            if len(tokens) <= MAX_LIST_ENTRIES:  # One more than a record may have, which is refused later.
                tokens.append(self._read_token(row))
        if first is not None:
            yield self._make_row(first, tokens)

    def _make_row(self, first: RawRow, tokens: list[dict[str, object]]) -> CanonicalRow:
        fields: dict[str, object] = {"linkage_tokens": tokens}
        record_id = self._read(first, 0)
        if record_id is not None:
            fields["local_id"] = record_id
        return CanonicalRow(first.line, first.offset, fields)

    def _read_token(self, row: RawRow) -> dict[str, object]:
        values = {"rule": self._read(row, 1), "token": self._read(row, 2)}
        return {name: value for name, value in values.items() if value is not None}

    def _read(self, row: RawRow, column: int) -> str | None:
        return to_text(row.values[self._positions[column]])
