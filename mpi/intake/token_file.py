"""Reader of Open Link Token files, with a row for each token.

The columns are ``RecordId``, ``RuleId`` and ``Token``, as CSV or Parquet
(https://github.com/TruvetaPublic/OpenLinkToken, ``pages/specification.md``). Rows of one record follow each
other, as the scheme writes them; they become one canonical row. Rows that are apart are rows of one local ID,
of which the last one counts. The tokens are those after decryption: a file that ``olt package`` or ``olt
encrypt`` wrote is refused, since only the receiver's private key opens it, and the index holds none.
"""

from collections.abc import Iterator
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.cell_conversion import to_text
from mpi.intake.csv_file import CsvTable
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.rows import CanonicalRow, RawRow, RejectedRow
from mpi.intake.tabular_file import TabularFile, open_binary
from mpi.standardize.fields.lists import MAX_LIST_ENTRIES
from mpi.standardize.tokens.rules import is_encrypted

TOKEN_FILE_COLUMNS = ("RecordId", "RuleId", "Token")
"""Columns of such a file, in the order in which we write them."""
_ZIP_START = b"PK\x03\x04"
"""First bytes of a zip archive, which ``olt package`` writes unless told otherwise."""
_DECRYPT = "run olt decrypt on the token file with the private key of the exchange, and load what it writes"


class TokenFile:
    """A file of linkage tokens, read as canonical rows.

    Args:
        path: a CSV file; one whose name ends in ``.parquet`` is Parquet.

    Raises:
        FileError: the file cannot be read, has other columns, or is an archive.
    """

    def __init__(self, path: Path) -> None:
        _refuse_archive(path)
        self._path = path
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
            FileError: the rest of the file cannot be read, or its tokens are encrypted.
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
        token = self._read(row, 2)
        if token is not None and is_encrypted(token):
            raise FileError(
                f"{self._path.name}, row {row.number}: Open Link Token encrypted the tokens of this file for "
                f"transport: {_DECRYPT}"
            )
        values = {"rule": self._read(row, 1), "token": token}
        return {name: value for name, value in values.items() if value is not None}

    def _read(self, row: RawRow, column: int) -> str | None:
        return to_text(row.values[self._positions[column]])


def _refuse_archive(path: Path) -> None:
    """Raise if a file is an archive of ``olt package``.

    Raises:
        FileError: it is, or it cannot be read.
    """
    with open_binary(path) as file:
        start = file.read(len(_ZIP_START))
    if start == _ZIP_START:
        raise FileError(
            f"{path.name} is a zip archive, as olt package writes: its tokens are encrypted for transport. "
            f"Unpack it; {_DECRYPT}"
        )
