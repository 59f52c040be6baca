"""Reader of newline-delimited JSON files.

Each line is an object of its own, so a bad line costs only itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

import orjson

from mpi.domain.errors import FileError
from mpi.intake.encoding import BOM, SAMPLE_BYTES, check_encoding, is_utf8
from mpi.intake.rows import RawRow, RejectedRow
from mpi.intake.tabular_file import MAX_RECORD_BYTES, FileOpener, open_binary

MAX_DEPTH = 8
"""Deepest nesting of a row; a canonical record needs three."""

_COLUMN_SAMPLE_ROWS = 1_000

_DETAILS = {
    "field-too-large": f"the line is longer than {MAX_RECORD_BYTES:,} bytes",
    "invalid-utf8": "the line is not UTF-8",
    "malformed-json": "the line is not JSON, or is nested too deeply",
    "not-an-object": "the line is JSON, but not an object",
    "unknown-column": "a key that no earlier row had is neither mapped nor ignored",
}


@dataclass(frozen=True, slots=True)
class JsonObject:
    """One object of a JSON file.

    Args:
        line: line on which it begins, from 1.
        offset: byte at which it begins.
        end: byte after it.
        outcome: its values, or the reason why it is rejected.
    """

    line: int
    offset: int
    end: int
    outcome: dict[str, object] | str

    def reject(self) -> RejectedRow:
        """Return the rejected row of an object that has a reason."""
        reason = self.outcome if isinstance(self.outcome, str) else "unknown-column"
        return RejectedRow(self.line, self.offset, reason, _DETAILS[reason])


class NdjsonTable:
    """A file of JSON objects, one a line.

    Its columns are the keys of its first rows.

    Args:
        path: the file.
        open_file: opens the file, where it is a part of another one; None to open the path.

    Raises:
        FileError: it is empty, UTF-16, or one JSON array.
    """

    columns_are_complete = False

    def __init__(self, path: Path, open_file: FileOpener | None = None) -> None:
        self._open_file = open_file or partial(open_binary, path)
        with self._open_file() as file:
            sample = file.read(SAMPLE_BYTES)
            check_encoding(path.name, sample, "utf-8", has_header=False)
            if sample.removeprefix(BOM).lstrip().startswith(b"["):
                raise FileError(
                    f"{path.name}: this is one JSON array; write one object a line (Ed-Fi: say --format edfi)"
                )
        keys: dict[str, None] = {}
        with self._open_file() as file:
            for _, found in zip(range(_COLUMN_SAMPLE_ROWS), read_json_lines(file), strict=False):
                if isinstance(found.outcome, dict):
                    keys |= dict.fromkeys(found.outcome)
        self.columns = tuple(keys)
        self.position = 0

    def rows(self) -> Iterator[RawRow | RejectedRow]:
        """Yield a row or a reject for each nonblank line of JSON."""
        known_columns = frozenset(self.columns)
        with self._open_file() as file:
            for number, found in enumerate(read_json_lines(file), start=1):
                self.position = found.end
                outcome = found.outcome
                if isinstance(outcome, dict) and outcome.keys() <= known_columns:
                    values = [outcome.get(key) for key in self.columns]
                    yield RawRow(found.line, found.offset, number, values)
                else:
                    yield found.reject()


def read_json_lines(file: BinaryIO) -> Iterator[JsonObject]:
    """Yield each line's object, or why it is rejected.

    Blank lines are left out.
    """
    offset = 0
    for line in count(1):
        data = file.readline(MAX_RECORD_BYTES + 1)
        if not data:
            return
        start, offset = offset, offset + len(data)
        too_long = len(data) > MAX_RECORD_BYTES
        while too_long and data and not data.endswith(b"\n"):
            data = file.readline(MAX_RECORD_BYTES)
            offset += len(data)
        if too_long:
            yield JsonObject(line, start, offset, "field-too-large")
        elif data := (data.removeprefix(BOM) if line == 1 else data).strip():
            yield JsonObject(line, start, offset, parse_object(data))


def parse_object(data: bytes) -> dict[str, object] | str:
    """Return a JSON object, or the reason why it is rejected."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return "malformed-json" if is_utf8(data) else "invalid-utf8"
    return check_object(value)


def check_object(value: object) -> dict[str, object] | str:
    """Return a JSON object, or why it is rejected."""
    if not isinstance(value, dict):
        return "not-an-object"
    return value if _is_shallow(value, MAX_DEPTH) else "malformed-json"


def _is_shallow(value: object, depth: int) -> bool:
    """Return whether a JSON value is nested no deeper than allowed."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in value if isinstance(item, dict | list))
