"""Sample of an unknown file: its format, columns and first rows."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mpi.domain.errors import FileError
from mpi.intake.cell_conversion import to_text
from mpi.intake.containers.content_type import GZIP, PARQUET, WORKBOOK, ZIP, check_content, find_content_type
from mpi.intake.containers.gzip_file import open_gzip
from mpi.intake.containers.zip_file import check_members, list_members, open_member
from mpi.intake.csv_file import CsvTable
from mpi.intake.encoding import find_marked_encoding, is_utf8
from mpi.intake.ndjson_file import NdjsonTable
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.proposal.header_words import is_known_name
from mpi.intake.rows import RawRow
from mpi.intake.tabular_file import TabularFile, open_binary
from mpi.intake.workbook.workbook_file import WorkbookTable, read_first_rows

SAMPLE_ROWS = 5_000
"""Most rows of which the values are looked at."""

_SNIFFED_BYTES = 262_144
_SNIFFED_ROWS = 200
_HEADER_ROWS = 30
_DELIMITERS = (",", "\t", ";", "|")
_FILLED_SHARE = 0.6
_DATA_SIGNS = frozenset("0123456789")
_MAX_DIGIT_SHARE = 0.5
_KNOWN_SHARE = 0.5
_YEAR = re.compile(r"(19|20)\d\d([-/](\d\d|(19|20)\d\d))?")
"""A year or a school year, such as ``2023`` or ``2023-24``."""

NO_HEADER = (
    "this file seems to have no header line: add a first line that names the columns. A column may be named "
    "by a number if at least half of the others have names such as first name or birth date"
)
"""What is wrong with a file whose first line is a record."""

_Opener = Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is read, as ``[file]`` of a mapping says it.

    Args:
        format: ``csv``, ``xlsx``, ``parquet`` or ``ndjson``.
        delimiter: delimiter of a CSV file.
        encoding: encoding of a CSV file, as a mapping names it.
        sheet: sheet of a workbook, if it has several.
        header_row: row that names the columns, if it is not the first.
    """

    format: str
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None

    def describe(self) -> str:
        """Return the form in words."""
        names = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a vertical bar"}
        parts = {"csv": "CSV", "xlsx": "Excel workbook", "parquet": "Parquet", "ndjson": "JSON lines"}
        words = [parts[self.format]]
        if self.delimiter:
            words.append(f"separated by {names.get(self.delimiter, self.delimiter)}")
        if self.encoding:
            words.append(self.encoding.upper() if self.encoding == "utf-8" else self.encoding)
        if self.sheet:
            words.append(f"sheet {self.sheet!r}")
        if self.header_row:
            words.append(f"columns named on line {self.header_row}")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Sample:
    """First rows of a file.

    Args:
        name: the file's name.
        form: how it is read.
        columns: its columns.
        rows: the rows that can be read, each with a value for each column.
        unread: number of rows among them that could not be read.
        is_whole: whether these are all rows.
    """

    name: str
    form: FileForm
    columns: tuple[str, ...]
    rows: Sequence[RawRow]
    unread: int
    is_whole: bool

    def list_texts(self, position: int) -> list[str]:
        """Return the filled values of a column as text."""
        texts = (to_text(row.values[position]) for row in self.rows)
        return [text for text in texts if text is not None]


def read_sample(path: Path, sheet: str | None = None, most: int = SAMPLE_ROWS) -> Sample:
    """Read the first rows of a file whose format is not known.

    Args:
        path: the file.
        sheet: sheet of a workbook; None for the only one.
        most: most rows of which the values are looked at.

    Raises:
        FileError: it is no table, cannot be read, has no header, or has several sheets and none is named.
    """
    table, form = _open_table(path, sheet)
    rows: list[RawRow] = []
    unread = 0
    is_whole = True
    for number, row in enumerate(table.rows()):
        if number == most:
            is_whole = False
            break
        if isinstance(row, RawRow):
            rows.append(row)
        else:
            unread += 1
    if not rows:
        raise FileError(f"{path.name}: it has no row that can be read, so nothing can be proposed")
    return Sample(path.name, form, table.columns, rows, unread, is_whole)


def _open_table(path: Path, sheet: str | None) -> tuple[TabularFile, FileForm]:
    """Open a file by what it is, whatever its name."""
    if path.is_dir():
        raise FileError(f"{path.name}: this is a folder; Ed-Fi and OneRoster folders need no mapping")
    kind = find_content_type(path)
    if kind == WORKBOOK:
        return _open_workbook(path, sheet)
    if sheet is not None:
        raise FileError(f"{path.name}: only a workbook has sheets")
    if kind == PARQUET:
        return ParquetTable(path), FileForm("parquet")
    if kind == ZIP:
        members = list_members(path)
        tables = [(name, member) for name, member in members if Path(name).suffix.lower() in {".csv", ".txt"}]
        if not tables:
            raise FileError(f"{path.name}: there is no CSV file in it")
        check_members(path, members)
        return _open_text(Path(tables[0][0]), partial(open_member, path, tables[0][1]))
    if kind == GZIP:
        return _open_text(path, partial(open_gzip, path))
    check_content(path, "csv")
    return _open_text(path, partial(open_binary, path))


def _open_workbook(path: Path, sheet: str | None) -> tuple[TabularFile, FileForm]:
    """Open a workbook at the row that names its columns."""
    form = FileForm("xlsx", sheet=sheet)
    first_rows = read_first_rows(path, sheet, _HEADER_ROWS)
    header_row = _find_header(path.name, [[to_text(cell) or "" for cell in row] for row in first_rows])
    if header_row is None:
        raise FileError(f"{path.name}: the workbook is empty")
    table = WorkbookTable(path, sheet, header_row + 1)
    return table, replace(form, header_row=header_row + 1 if header_row else None)


def _open_text(path: Path, opener: _Opener) -> tuple[TabularFile, FileForm]:
    """Open a text file as CSV or NDJSON."""
    with opener() as file:
        data = file.read(_SNIFFED_BYTES)
    marked = find_marked_encoding(data)
    encoding = "utf-8" if marked is not None or is_utf8(_drop_last_line(data)) else "windows-1252"
    text = data.decode(marked or encoding, "replace").removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        return NdjsonTable(path, opener), FileForm("ndjson")
    delimiter = _find_delimiter(text)
    lines = _read_first_rows(text, delimiter, _HEADER_ROWS)
    # A first row that cannot be read is taken for the header: CsvTable says what is wrong with it.
    header = _find_header(path.name, lines) if lines or not text else 0
    if header is None:
        raise FileError(f"{path.name}: the file is empty; not even a header line is there")
    header_line = 1 + _count_lines_before(text, delimiter, header)
    codec = "cp1252" if encoding == "windows-1252" else "utf-8"
    table = CsvTable(path, delimiter, codec, opener, header_line)
    stated_encoding = "utf-8" if marked is not None else encoding
    return table, FileForm("csv", delimiter, stated_encoding, None, header_line if header_line > 1 else None)


def _drop_last_line(data: bytes) -> bytes:
    """Return the bytes of whole lines, without a last one cut short."""
    return data[: data.rfind(b"\n") + 1] if len(data) == _SNIFFED_BYTES else data


def _read_first_rows(text: str, delimiter: str, most: int) -> list[list[str]]:
    """Return the first readable rows of a CSV text."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), most):
            rows.append(row)  # noqa: PERF402 - the rows before an error are kept
    return rows


def _find_delimiter(text: str) -> str:
    """Return the delimiter by which most lines have equally many fields."""

    def rate(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in _read_first_rows(text, delimiter, _SNIFFED_ROWS) if row)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        return (count / max(1, sum(widths.values())) if width > 1 else 0.0), width

    return max(_DELIMITERS, key=rate)


def _find_header(name: str, rows: Sequence[Sequence[str]]) -> int | None:
    """Return the place of the row that names the columns.

    It is None if all rows are empty.

    It is as wide as most, holds no number and no date, and has the most known names of such rows. Numbers may
    be names in a row of which at least half of the cells are known names. Years do not count among them: a
    file may have a column for each.

    Raises:
        FileError: no row names columns, so that the first would be a child; or a name is repeated.
    """
    filled = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    widest = max(map(len, filled), default=0)
    if not widest:
        return None
    best: tuple[int, int] | None = None
    follows_data = False
    for place, cells in enumerate(filled):
        if len(cells) < max(1, _FILLED_SHARE * widest):
            continue
        known = len({cell for cell in cells if is_known_name(cell)})
        if any(map(_is_data, cells)) and not _is_named(cells):
            follows_data = True
            continue
        is_likely = not follows_data or known >= _KNOWN_SHARE * len(cells)
        if is_likely and (best is None or known > best[0]):
            best = known, place
    if best is None:
        raise FileError(f"{name}: {NO_HEADER}")
    _check_repeats(name, rows[best[1]])
    return best[1]


def _check_repeats(name: str, row: Sequence[str]) -> None:
    """Refuse a header in which two columns have one name."""
    places: dict[str, int] = {}
    for position, cell in enumerate(map(str.strip, row), 1):
        first = places.setdefault(cell, position)
        if cell and first != position:
            raise FileError(f"{name}: columns {first} and {position} have the same name: rename one")


def _is_named(cells: Sequence[str]) -> bool:
    """Return whether half of a row's cells, years aside, are known names."""
    others = [cell for cell in cells if _YEAR.fullmatch(cell) is None]
    known = sum(not _is_data(cell) and is_known_name(cell) for cell in others)
    return known > 0 and known >= _KNOWN_SHARE * len(others)


def _is_data(cell: str) -> bool:
    """Return whether a cell is a value rather than a name."""
    digits = sum(character in _DATA_SIGNS for character in cell)
    return digits > _MAX_DIGIT_SHARE * len(cell) or "@" in cell


def _count_lines_before(text: str, delimiter: str, row: int) -> int:
    """Return the number of lines above a row of CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    for _ in range(row):
        next(reader)
        before = reader.line_num
    return before
