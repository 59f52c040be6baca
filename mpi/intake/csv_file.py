"""Reader of delimited text files (CSV) that survives bad rows.

Each row that cannot be read gives one reject, and reading goes on. Rows are found by the csv module, which
asks for as many physical lines as a row has. A bad row that spans lines is given up at its first line and
reading goes on at its second: one stray quote then costs one row, not the rest of the file.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from mpi.domain.errors import FileError
from mpi.intake.containers.streams import Utf8Stream
from mpi.intake.encoding import BOM, SAMPLE_BYTES, check_encoding, find_marked_encoding
from mpi.intake.rows import RawRow, RejectedRow
from mpi.intake.tabular_file import (
    MAX_FIELD_CHARACTERS,
    MAX_RECORD_BYTES,
    FileOpener,
    check_header,
    open_binary,
)
from mpi.intake.totals_row import TOTALS_ROW, is_totals_row

_DELIMITER_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_SKIP_BYTES = 65_536
_MAX_RECORD_LINES = 100
"""Most lines of one row; a row given up at its first line makes us read the others again."""

_DETAILS = {
    "field-too-large": f"a field is longer than {MAX_FIELD_CHARACTERS:,} characters, or the row than "
    f"{MAX_RECORD_BYTES:,} bytes or {_MAX_RECORD_LINES} lines",
    "nul-byte": "the row holds a NUL byte",
    "invalid-utf8": "the row is not UTF-8; if the whole file is Windows-1252, its mapping must say "
    'encoding = "windows-1252"',
    "invalid-encoding": "the row does not decode in the encoding that the mapping names",
    "unterminated-quote": "a quoted field is still open where the file ends: is the file cut short?",
    "malformed-csv": "a quote or carriage return stands where CSV has none",
    "empty-row": "no field of the row has a value",
    TOTALS_ROW: "the row is a total or a count of rows, and no record",
}


class _PhysicalLine(NamedTuple):
    """One line of a CSV file, without data if too long."""

    number: int
    offset: int
    data: bytes | None
    """None for a line that is too long to keep."""


class _BadLineError(Exception):
    """Error: a CSV line that the csv module must not see."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _LineReader:
    """Decoded lines of a CSV file, which remembers the current row's lines."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._pushed_back: deque[_PhysicalLine] = deque()
        self._number = 0
        self.position = 0
        self.row_lines: list[_PhysicalLine] = []
        self.row_bytes = 0
        self.is_at_end = False

    def __iter__(self) -> "_LineReader":
        return self

    def __next__(self) -> str:
        line = self._pushed_back.popleft() if self._pushed_back else self._read_line()
        if line is None:
            self.is_at_end = True
            raise StopIteration
        self.row_lines.append(line)
        if line.data is None:
            raise _BadLineError("field-too-large")
        self.row_bytes += len(line.data)
        if self.row_bytes > MAX_RECORD_BYTES or len(self.row_lines) > _MAX_RECORD_LINES:
            raise _BadLineError("field-too-large")
        return self._decode(line.data)

    def begin_row(self) -> None:
        """Forget the lines of the previous CSV row."""
        self.row_lines = []
        self.row_bytes = 0
        self.is_at_end = False

    def skip_lines(self, count: int) -> None:
        """Pass over the file's first lines."""
        for _ in range(count):
            self._read_line()

    def give_up_row(self) -> None:
        """Push back all lines of the bad CSV row but the first."""
        self._pushed_back.extendleft(reversed(self.row_lines[1:]))

    def _read_line(self) -> _PhysicalLine | None:
        data = self._file.readline(MAX_RECORD_BYTES + 1)
        if not data:
            return None
        self._number += 1
        offset = self.position
        self.position += len(data)
        if self._number == 1 and data.startswith(BOM):
            data = data[len(BOM) :]
        if len(data) > MAX_RECORD_BYTES:
            self._skip_rest_of_line(data)
            return _PhysicalLine(self._number, offset, None)
        return _PhysicalLine(self._number, offset, data)

    def _skip_rest_of_line(self, data: bytes) -> None:
        while data and not data.endswith(b"\n"):
            data = self._file.readline(_SKIP_BYTES)
            self.position += len(data)

    def _decode(self, data: bytes) -> str:
        if b"\0" in data:
            raise _BadLineError("nul-byte")
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError:
            raise _BadLineError("invalid-utf8" if self._encoding == "utf-8" else "invalid-encoding") from None


class CsvTable:
    """A CSV file of which a line names the columns.

    A byte order mark decides the encoding, whatever else is stated.

    Args:
        path: the file.
        delimiter: one character.
        encoding: ``utf-8`` (with or without byte order mark) or a single-byte encoding.
        open_file: opens the file, where it is a part of another one; None to open the path.
        header_line: line that names the columns, from 1; what stands above is not read.

    Raises:
        FileError: it is empty, in another encoding, separated by another character, or its header is
            unusable.
    """

    columns_are_complete = True

    def __init__(
        self,
        path: Path,
        delimiter: str,
        encoding: str,
        open_file: FileOpener | None = None,
        header_line: int = 1,
    ) -> None:
        self._path = path
        self._open_source = open_file or partial(open_binary, path)
        self._delimiter = delimiter
        self._encoding = encoding
        self._header_line = header_line
        self._converted_encoding: str | None = None
        with self._open_source() as file:
            self._choose_encoding(file.read(SAMPLE_BYTES))
        with self._open_file() as file:
            first_row = next(self._read_rows(file), None)
        if first_row is None:
            raise FileError(f"{path.name}: it has no line {header_line:,}, which should name the columns")
        self.columns = self._parse_header(first_row)
        self.position = 0

    def _choose_encoding(self, sample: bytes) -> None:
        """Check the encoding by the file's beginning; a mark decides it."""
        marked = find_marked_encoding(sample)
        if marked == "utf-8":
            self._encoding = marked
        elif marked is not None:
            self._converted_encoding, self._encoding = marked, "utf-8"
            sample = sample.decode(marked, "replace").encode()
        check_encoding(self._path.name, sample, self._encoding, has_header=self._header_line == 1)

    @contextmanager
    def _open_file(self) -> Iterator[BinaryIO]:
        """Open the file, converted to UTF-8 if marked as UTF-16."""
        with self._open_source() as file:
            if self._converted_encoding is None:
                yield file
            else:
                yield cast("BinaryIO", io.BufferedReader(Utf8Stream(file, self._converted_encoding)))

    def rows(self) -> Iterator[RawRow | RejectedRow]:
        """Yield a CSV file's rows, and a reject for each bad one."""
        with self._open_file() as file:
            parts = self._read_rows(file)
            next(parts)
            for number, (line, offset, outcome) in enumerate(parts, start=1):
                if isinstance(outcome, str):
                    yield RejectedRow(line, offset, outcome, self._get_detail(outcome))
                else:
                    yield RawRow(line, offset, number, outcome)

    def _read_rows(self, file: BinaryIO) -> Iterator[tuple[int, int, list[str] | str]]:
        """Yield each CSV row's line, offset, and cells or reason for rejection.

        Blank lines are no rows.
        """
        lines = _LineReader(file, self._encoding)
        lines.skip_lines(self._header_line - 1)
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        width = 0
        while True:
            lines.begin_row()
            outcome: list[str] | str
            try:
                outcome = next(reader)
                # Other code of the process may have raised the limit of the csv module.
                if (
                    lines.row_bytes > MAX_FIELD_CHARACTERS
                    and max(map(len, outcome), default=0) > MAX_FIELD_CHARACTERS
                ):
                    outcome = "field-too-large"
            except StopIteration:
                return
            except _BadLineError as error:
                outcome = error.reason
            except csv.Error:
                outcome = self._explain_csv_error(lines)
            self.position = lines.position
            if _is_blank(outcome):
                continue
            width = width or len(outcome)
            outcome = _check_cells(outcome, width)
            if isinstance(outcome, str) and outcome not in {"empty-row", TOTALS_ROW}:
                lines.give_up_row()
            yield lines.row_lines[0].number, lines.row_lines[0].offset, outcome

    def _explain_csv_error(self, lines: _LineReader) -> str:
        """Return the reason why the csv module refused a row."""
        if lines.is_at_end:
            return "unterminated-quote"
        return "field-too-large" if lines.row_bytes > MAX_FIELD_CHARACTERS else "malformed-csv"

    def _get_detail(self, reason: str) -> str:
        if reason == "wrong-field-count":
            return f"the row does not have the header's {len(self.columns)} fields"
        return _DETAILS[reason]

    def _parse_header(self, header_row: tuple[int, int, list[str] | str]) -> tuple[str, ...]:
        name, outcome = self._path.name, header_row[2]
        if isinstance(outcome, str):
            raise FileError(f"{name}: its header cannot be read: {_DETAILS[outcome]}")
        columns = tuple(cell.strip() for cell in outcome)
        if len(columns) == 1:
            self._check_delimiter(columns[0])
        check_header(name, columns)
        return columns

    def _check_delimiter(self, header: str) -> None:
        counts = {
            delimiter: header.count(delimiter)
            for delimiter in _DELIMITER_NAMES
            if delimiter != self._delimiter
        }
        likeliest_delimiter = max(counts, key=lambda delimiter: counts[delimiter])
        if counts[likeliest_delimiter]:
            likeliest_name = _DELIMITER_NAMES[likeliest_delimiter]
            raise FileError(
                f"{self._path.name}: its columns seem to be separated by {likeliest_name}, not "
                f"{_DELIMITER_NAMES.get(self._delimiter, repr(self._delimiter))}: set delimiter = "
                f"{_quote_for_toml(likeliest_delimiter)} under [file] in its mapping"
            )


def _is_blank(outcome: list[str] | str) -> bool:
    """Return whether a CSV row is a blank line."""
    return isinstance(outcome, list) and (not outcome or (len(outcome) == 1 and not outcome[0].strip()))


def _check_cells(outcome: list[str] | str, width: int) -> list[str] | str:
    """Return a CSV row's cells, or the reason why it is rejected."""
    if isinstance(outcome, str):
        return outcome
    if not any(cell and not cell.isspace() for cell in outcome):
        return "empty-row"
    if is_totals_row(outcome):
        return TOTALS_ROW
    return outcome if len(outcome) == width else "wrong-field-count"


def _quote_for_toml(delimiter: str) -> str:
    """Write a delimiter as a TOML string."""
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'
