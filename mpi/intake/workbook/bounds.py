"""Bounds of an Excel workbook, checked before it is read.

A workbook is a ZIP file of XML. A small one can become gigabytes, and one cell in the last row and column
makes a reader reserve a grid of billions of cells. So the parts are decompressed once, in pieces, and
measured; their stated sizes are not believed.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mpi.domain.errors import FileError
from mpi.intake.containers.zip_file import MAX_MEMBERS, explain_zip_errors
from mpi.intake.tabular_file import open_binary

MAX_UNPACKED_BYTES = 500_000_000
"""Most bytes of a workbook's parts, after decompression."""
MAX_CELLS = 10_000_000
"""Most cells of the rectangle that a sheet fills: some 300 MB of memory."""

_CHUNK_BYTES = 262_144
_MAX_TEXT_BYTES = 1_048_576
_LOCAL_HEADER_BYTES = 30
_NAME_LENGTHS = slice(26, 30)
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})(\d{1,9})[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_CELL = re.compile(rb"<(?:\w+:)?c\b")
_REMEDY = "export the data as CSV"


def check_workbook(path: Path) -> None:
    """Refuse a workbook that would take too much memory.

    Raises:
        FileError: it is damaged, or exceeds a bound.
    """
    with explain_zip_errors(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise FileError(f"{path.name}: more than {MAX_MEMBERS:,} parts in it; {_REMEDY}")
    total = 0
    with open_binary(path) as file:
        for member in members:
            sheet = _SheetExtent()
            for piece in _iter_pieces(path, file, member):
                total += len(piece)
                if total > MAX_UNPACKED_BYTES:
                    raise FileError(
                        f"{path.name}: it would become more than {MAX_UNPACKED_BYTES:,} bytes; {_REMEDY}"
                    )
                sheet.add(piece)
                if sheet.cells > MAX_CELLS:
                    raise FileError(
                        f"{path.name}: a sheet has more than {MAX_CELLS:,} cells between its first and its "
                        f"last; delete empty rows and columns, or {_REMEDY}"
                    )


class _SheetExtent:
    """Rows and columns that a sheet's XML fills."""

    def __init__(self) -> None:
        self._rest = b""
        self._rows = 1
        self._columns = 1
        self._cells_of_row = 0

    @property
    def cells(self) -> int:
        """Most cells of the rectangle."""
        return self._rows * self._columns

    def add(self, piece: bytes) -> None:
        """Measure the next bytes of a part."""
        text = self._rest + piece
        end = text.rfind(b">") + 1
        self._rest = text[end:] if len(text) - end < _MAX_TEXT_BYTES else b""
        whole = text[:end]
        for letters, digits in _PLACE.findall(whole):
            self._rows = max(self._rows, int(digits))
            if letters:
                self._columns = max(self._columns, _to_column_number(letters))
        # Cells may also stand without their place, one after the other.
        for number, row in enumerate(_ROW.split(whole)):
            self._cells_of_row = (0 if number else self._cells_of_row) + len(_CELL.findall(row))
            self._rows += number > 0 and self._rows == 1
            self._columns = max(self._columns, self._cells_of_row)


def _to_column_number(letters: bytes) -> int:
    """Return the number of a column such as ``AB``, from 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _iter_pieces(path: Path, file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the decompressed bytes of a part, as many as there are."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    lengths = header[_NAME_LENGTHS]
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
    left = member.compress_size
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileError(f"{path.name}: a part is compressed in an unknown way; {_REMEDY}")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
    try:
        while left > 0 and (data := file.read(min(left, _CHUNK_BYTES))):
            left -= len(data)
            if inflater is None:
                yield data
                continue
            while data and not inflater.eof:
                yield inflater.decompress(data, _CHUNK_BYTES)
                data = inflater.unconsumed_tail
    except zlib.error:
        raise FileError(f"{path.name}: the workbook is damaged: is it cut short?") from None
