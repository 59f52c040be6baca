"""File of items of children in care."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from types import MappingProxyType

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.domain.errors import InputError
from mpi.service.rosters.list_text import read_list_text

ITEM_COLUMNS = MappingProxyType({
    ItemKind.DECISION_MAKER: (
        "education_decision_maker", "decision_maker_role", "decision_maker_phone",
    ),
    ItemKind.CONTACT_RESTRICTION: ("contact_restriction",),
    ItemKind.BEST_INTEREST: ("best_interest_decision", "best_interest_date"),
    ItemKind.SCHOOL_OF_ORIGIN: ("school_of_origin",),
    ItemKind.TRANSPORT: ("transport_owner", "transport_begins"),
    ItemKind.RECORDS_REQUESTED: ("records_requested",),
    ItemKind.RECORDS_RECEIVED: ("records_received",),
})  # fmt: skip
"""Columns of each item; the first says whether it is known."""
COLUMNS = ("local_id", "as_of", *(column for columns in ITEM_COLUMNS.values() for column in columns))
"""Columns of a file of items; all but the first may be missing."""
CHOICES = MappingProxyType({
    "decision_maker_role": frozenset({"parent", "guardian", "foster-parent", "surrogate", "court", "youth"}),
    "contact_restriction": frozenset({"yes", "no"}),
    "best_interest_decision": frozenset({"stay", "change"}),
})  # fmt: skip
"""Words that a column may hold."""
_REQUIRED_WITH = MappingProxyType({
    "education_decision_maker": "decision_maker_role",
    "best_interest_decision": "best_interest_date",
})  # fmt: skip
_PAST_DAYS = frozenset({"best_interest_date", "records_requested", "records_received"})
_DAYS = _PAST_DAYS | {"transport_begins"}
MAX_ROWS = 500_000
_MAX_TEXT = 200
_MAX_BYTES = 128 << 20

ItemValue = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What a file states of one child.

    Args:
        local_id: record of the source that sends the file.
        as_of: day for which it is stated (``YYYY-MM-DD``).
        items: values by kind of item; None where it is not known. A kind that is no column is missing.
        line: line of the file.
    """

    local_id: str
    as_of: str
    items: Mapping[ItemKind, ItemValue | None]
    line: int = 0


def read_item_path(path: Path) -> list[ItemRow]:
    """Return the rows of a file of items on the disk.

    Args:
        path: a CSV file in UTF-8.

    Raises:
        InputError: the file cannot be read, is too large, or is not such a file.
    """
    return read_item_file(read_list_text(path, _MAX_BYTES))


def read_item_file(text: str) -> list[ItemRow]:
    """Return the rows of a file of items.

    Args:
        text: CSV with columns of ``COLUMNS``.

    Raises:
        InputError: a column is missing or unknown, a cell is wrong, or a child comes twice; the message names
            line and column, and holds no cell.
    """
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff")), strict=True)
    rows: list[ItemRow] = []
    lines: dict[str, int] = {}
    try:
        kinds = _read_header(list(reader.fieldnames or ()))
        today = clock.today()
        for cells in reader:
            row = _read_row(cells, kinds, reader.line_num, today)
            if lines.setdefault(row.local_id, row.line) != row.line:
                raise InputError(
                    f"line {row.line} of the items names the child of line {lines[row.local_id]} again: "
                    "send one row for each child"
                )
            rows.append(row)
            if len(rows) > MAX_ROWS:
                raise InputError(f"the items have over {MAX_ROWS:,} rows: is it the right file?")
    except csv.Error:
        raise InputError(f"line {reader.line_num} of the items is no CSV that can be read") from None
    return rows


def _read_header(header: Sequence[str]) -> list[ItemKind]:
    """Return the kinds of items that a file states."""
    if "local_id" not in header or len(set(header)) < len(header) or set(header) - set(COLUMNS):
        raise InputError(
            "line 1 of the items lacks local_id, or has a column twice or one that is not known: "
            f"the columns are {', '.join(COLUMNS)}"
        )
    kinds = [kind for kind, columns in ITEM_COLUMNS.items() if columns[0] in header]
    for kind, columns in ITEM_COLUMNS.items():
        if kind not in kinds and set(columns) & set(header):
            raise InputError(f"line 1 of the items lacks the column {columns[0]}")
    if not kinds:
        raise InputError("line 1 of the items names no item")
    return kinds


def _read_row(row: Mapping[str, str | None], kinds: Sequence[ItemKind], line: int, today: str) -> ItemRow:
    where = f"line {line} of the items"
    if None in row:
        raise InputError(f"{where} has more cells than columns")
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for name, cell in cells.items():
        if len(cell) > _MAX_TEXT or not cell.isprintable():
            raise InputError(f"{where}, {name}: give at most {_MAX_TEXT} characters that can be seen")
    if not cells["local_id"]:
        raise InputError(f"{where}, local_id: a value is required")
    as_of = _read_day(cells["as_of"], f"{where}, as_of", today) if cells["as_of"] else today
    items = {kind: _read_item(cells, ITEM_COLUMNS[kind], where, today) for kind in kinds}
    return ItemRow(cells["local_id"], as_of, items, line)


def _read_item(cells: Mapping[str, str], columns: Sequence[str], where: str, today: str) -> ItemValue | None:
    """Return the values of one item; None where its cells are empty."""
    given = {name: cells[name] for name in columns if cells[name]}
    if not given:
        return None
    needed = [columns[0], *filter(None, [_REQUIRED_WITH.get(columns[0])])]
    for name in needed:
        if name not in given:
            raise InputError(f"{where}, {name}: a value is required with the cells beside it")
    values = {}
    for name, cell in given.items():
        place = f"{where}, {name}"
        if name in CHOICES:
            values[name] = cell.casefold()
            if values[name] not in CHOICES[name]:
                raise InputError(f"{place}: give {', '.join(sorted(CHOICES[name]))}")
        elif name in _DAYS:
            values[name] = _read_day(cell, place, today if name in _PAST_DAYS else None)
        else:
            values[name] = cell
    return values


def _read_day(text: str, place: str, latest: str | None) -> str:
    """Return a day as ``YYYY-MM-DD``; refuse one after the latest."""
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(f"{place}: give a date, YYYY-MM-DD") from None
    if latest is not None and day > latest:
        raise InputError(f"{place}: the day has not come")
    return day
