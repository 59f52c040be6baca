"""File of declared owners of queues, feeds, tickets and agreements.

``responsibilities.csv`` in ``MPI_HOME`` has a row for each::

    kind,of,owner,escalates_to,days
    feed,D01-SIS,North SIS team,North director of data,2
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path

from mpi.domain.errors import InputError

FILE_NAME = "responsibilities.csv"
COLUMNS = ("kind", "of", "owner", "escalates_to", "days")
MAX_ROWS = 10_000
_MAX_BYTES = 4 << 20
_MAX_TEXT = 200
_MAX_DAYS = 3_660


class ObligationKind(StrEnum):
    """What somebody answers for."""

    QUEUE = "queue"
    TICKET = "ticket"
    FEED = "feed"
    AGREEMENT = "agreement"
    CLOCK = "clock"
    CONTACT = "contact"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared owner.

    Args:
        owner: office that answers for it.
        escalates_to: office that is asked when it is late; None where none is declared.
        days: days from its beginning until it is due; None where the index knows the day.
    """

    owner: str
    escalates_to: str | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Declarations:
    """Declared owners, by kind and by code of the source or agreement."""

    by_subject: Mapping[tuple[ObligationKind, str], Declaration]

    def find(self, kind: ObligationKind, subject: str = "") -> Declaration | None:
        """Return the declared owner of one thing or of its kind."""
        return self.by_subject.get((kind, subject)) or self.by_subject.get((kind, ""))


def load_declarations(home: Path) -> Declarations:
    """Load the declared owners of an index; none without a file.

    Args:
        home: folder of the index.

    Raises:
        InputError: the file cannot be used; the message names line and column.
    """
    path = home / FILE_NAME
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{FILE_NAME} is larger than {_MAX_BYTES >> 20} MB: is it the right file?")
        return parse_declarations(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Declarations({})
    except UnicodeDecodeError:
        raise InputError(f"{FILE_NAME} is not in UTF-8: save it as CSV UTF-8") from None
    except OSError:
        raise InputError(f"{FILE_NAME} cannot be read: give the index the right to read it") from None


def parse_declarations(text: str) -> Declarations:
    """Return the declared owners that a CSV text holds.

    Raises:
        InputError: a column is missing or unknown, or a row is wrong or repeated.
    """
    reader = csv.DictReader(StringIO(text), strict=True)
    found: dict[tuple[ObligationKind, str], Declaration] = {}
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"{FILE_NAME}, line 1: the columns are {', '.join(COLUMNS)}")
        for row in reader:
            key, declaration = _read_row(row, reader.line_num)
            if key in found:
                raise InputError(f"{FILE_NAME}, line {reader.line_num}: an earlier line declares the same")
            found[key] = declaration
            if len(found) > MAX_ROWS:
                raise InputError(f"{FILE_NAME} has over {MAX_ROWS:,} rows: is it the right file?")
    except csv.Error:
        raise InputError(f"{FILE_NAME}, line {reader.line_num}: this is no CSV that can be read") from None
    return Declarations(found)


def _read_row(row: Mapping[str, str | None], line: int) -> tuple[tuple[ObligationKind, str], Declaration]:
    where = f"{FILE_NAME}, line {line}"
    if None in row:
        raise InputError(f"{where}: there are more cells than columns")
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for name, cell in cells.items():
        if len(cell) > _MAX_TEXT or not cell.isprintable():
            raise InputError(f"{where}, {name}: give at most {_MAX_TEXT} characters that can be seen")
    try:
        kind = ObligationKind(cells["kind"].casefold())
    except ValueError:
        raise InputError(f"{where}, kind: give {', '.join(ObligationKind)}") from None
    if not cells["owner"]:
        raise InputError(f"{where}, owner: a value is required")
    days = _read_days(cells["days"], where)
    if days is None and kind in {ObligationKind.FEED, ObligationKind.QUEUE}:
        raise InputError(f"{where}, days: a {kind} needs the days after which it is late")
    return (kind, cells["of"]), Declaration(cells["owner"], cells["escalates_to"] or None, days)


def _read_days(text: str, where: str) -> int | None:
    if not text:
        return None
    if not (
        text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_DAYS)) and int(text) <= _MAX_DAYS
    ):
        raise InputError(f"{where}, days: give a whole number of days, {_MAX_DAYS} at most")
    return int(text)
