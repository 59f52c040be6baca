"""Safe streaming reader of JSON files of items.

A file holds one array, or one object a line.
"""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from mpi.domain.errors import FileError
from mpi.intake.encoding import BOM, SAMPLE_BYTES, check_encoding
from mpi.intake.ndjson_file import JsonObject, check_object, read_json_lines
from mpi.intake.tabular_file import MAX_RECORD_BYTES, open_binary

_BLANK = re.compile(r"[ \t\r\n]*")


class JsonFile:
    """A JSON file read as a stream of objects.

    Args:
        path: the file: an array of objects, or one object a line.

    Attributes:
        position: number of bytes read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.position = 0

    def objects(self) -> Iterator[JsonObject]:
        """Yield the objects of the file in order.

        Raises:
            FileError: it is empty, not UTF-8, or an array that cannot be read to its end.
        """
        with open_binary(self._path) as file:
            sample = file.read(SAMPLE_BYTES)
            check_encoding(self._path.name, sample, "utf-8", has_header=False)
            file.seek(0)
            is_array = sample.removeprefix(BOM).lstrip().startswith(b"[")
            for found in _ArrayReader(self._path.name, file).objects() if is_array else read_json_lines(file):
                self.position = file.tell()
                yield found


class _ArrayReader:
    """Reader of one JSON array, object by object.

    It holds little more than one object in memory. A broken object refuses the file, for nobody can tell
    where the next one begins.

    Args:
        name: name of the file, for messages.
        file: the file, at its beginning.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._is_at_end = False

    def objects(self) -> Iterator[JsonObject]:
        """Yield the objects of the array.

        Raises:
            FileError: it is cut short, holds a broken or too large object, or something follows it.
        """
        decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self._take()
        mark = self._peek()
        while mark != "]":
            line = self._line
            try:
                value, end = decoder.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError):
                self._refuse(
                    f"an object is no JSON, is longer than {MAX_RECORD_BYTES:,} bytes, or is cut short"
                )
            self._move(end)
            yield JsonObject(line, 0, 0, check_object(value))
            mark = self._take()
            if mark not in {",", "]"}:
                self._refuse("the array is cut short, or lacks a comma")
            if mark == ",":
                self._peek()
        if self._peek():
            self._refuse("something follows the array")

    def _take(self) -> str:
        """Return the next character that is not blank, and go behind it."""
        mark = self._peek()
        self._move(self._at + len(mark))
        return mark

    def _peek(self) -> str:
        """Return the next character that is not blank.

        It is empty at the end of the file.
        """
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._move(blank.end() if blank else self._at)
            if self._is_at_end or len(self._buffer) - self._at >= MAX_RECORD_BYTES:
                return self._buffer[self._at : self._at + 1]
            self._fill()

    def _move(self, at: int) -> None:
        self._line += self._buffer.count("\n", self._at, at)
        self._at = at

    def _fill(self) -> None:
        """Read on, so that the buffer holds a whole object."""
        data = self._file.read(MAX_RECORD_BYTES)
        self._is_at_end = not data
        try:
            more = self._decoder.decode(data, final=self._is_at_end)
        except UnicodeDecodeError:
            self._refuse("it is not UTF-8")
        self._buffer, self._at = self._buffer[self._at :] + more, 0

    def _refuse(self, fault: str) -> NoReturn:
        raise FileError(f"{self._name}: line {self._line}: {fault}")


def _refuse_constant(_text: str) -> NoReturn:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError
