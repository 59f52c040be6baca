"""Building the entries of list fields, each with the rules of its kind."""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from mpi.domain.errors import RecordError
from mpi.domain.record import (
    Address,
    Enrollment,
    Flag,
    Guardian,
    Identifier,
    OtherName,
    Placement,
    Restriction,
)
from mpi.standardize.codes import FLAG_VALUES, RESTRICTION_KINDS
from mpi.standardize.full_names import split_full_name
from mpi.standardize.lists import column_names, columns_of, entries_of
from mpi.standardize.scalars import text_of
from mpi.standardize.ssn import is_ssn_system

_Item = TypeVar("_Item", Address, Guardian, Enrollment, Placement)

_OTHER_NAME_COLUMNS = column_names(OtherName)
_IDENTIFIER_COLUMNS = column_names(Identifier)
_FLAG_COLUMNS = column_names(Flag)
_RESTRICTION_COLUMNS = column_names(Restriction)

_POPULATION = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_NO_DEFINITION = "source"
"""Whose definition a flag follows where none is named: the source's own."""


def dated_items(
    field: str, kind: Callable[..., _Item], columns: frozenset[str], value: object
) -> tuple[_Item, ...]:
    """The entries of ``addresses``, ``guardians``, ``enrollments`` or ``placements``.

    Raises:
        RecordError: the list is malformed or an entry has an unknown column.
    """
    if value is None:
        return ()
    rows = (columns_of(field, entry, columns) for entry in entries_of(field, value, bars=False))
    return tuple(kind(**row) for row in rows if row)


def first_item(
    field: str, kind: Callable[..., _Item], flat: dict[str, str], items: tuple[_Item, ...]
) -> tuple[_Item, ...]:
    """The list with the flat columns as its first entry.

    Args:
        field: the list field.
        kind: what its entries are.
        flat: the flat columns that were sent, without empty ones.
        items: the list that was sent.

    Raises:
        RecordError: both were sent and differ.
    """
    if not flat:
        return items
    if not items:
        return (kind(**flat),)
    for column, text in flat.items():
        if getattr(items[0], column) != text:
            raise RecordError(field, "conflict", f"its first entry differs from the flat column {column!r}")
    return items


def other_names(value: object) -> tuple[OtherName, ...]:
    """The record's other names; a plain text is read as a full name.

    Raises:
        RecordError: the list is malformed or an entry has an unknown column.
    """
    names = []
    for entry in entries_of("other_names", value, bars=True):
        if isinstance(entry, str):
            text = text_of("other_names", entry)
            if text:
                names.append(OtherName(*split_full_name(text)))
        elif row := columns_of("other_names", entry, _OTHER_NAME_COLUMNS):
            names.append(OtherName(**row))
    return tuple(names)


def identifiers(value: object) -> tuple[tuple[Identifier, ...], tuple[str, ...]]:
    """The record's identifiers, and apart from them the values of those that are SSNs.

    An entry without a value says nothing and is left out.

    Raises:
        RecordError: the list is malformed, or an entry lacks its system or assigner.
    """
    kept, ssns = [], []
    for entry in entries_of("identifiers", value, bars=False):
        row = columns_of("identifiers", entry, _IDENTIFIER_COLUMNS)
        if "value" not in row:
            continue
        if is_ssn_system(row.get("system", "")):
            ssns.append(row["value"])
            continue
        _require("identifiers", row, ("system", "assigner"))
        kept.append(Identifier(**row))
    return tuple(kept), tuple(ssns)


def flags(value: object) -> tuple[Flag, ...]:
    """The special-population flags.

    Raises:
        RecordError: the list is malformed, or an entry's population or value is no such code.
    """
    found = []
    for entry in entries_of("flags", value, bars=False):
        row = columns_of("flags", entry, _FLAG_COLUMNS)
        _require("flags", row, ("population", "value"))
        if not _POPULATION.match(row["population"]):
            raise RecordError(
                "flags", "unknown-code", "population must be a lower_snake_case code (docs/flags.md)"
            )
        if row["value"] not in FLAG_VALUES:
            raise RecordError("flags", "unknown-code", "value must be Y, N or U")
        found.append(Flag(**{"definition": _NO_DEFINITION, **row}))
    return tuple(found)


def restrictions(value: object) -> tuple[Restriction, ...]:
    """The legal bars on the record.

    Raises:
        RecordError: the list is malformed, or an entry's kind is none that the index obeys: a bar
            that nobody understands must not be stored as if it held.
    """
    found = []
    for entry in entries_of("restrictions", value, bars=False):
        row = columns_of("restrictions", entry, _RESTRICTION_COLUMNS)
        _require("restrictions", row, ("kind",))
        if row["kind"] not in RESTRICTION_KINDS:
            kinds = ", ".join(sorted(RESTRICTION_KINDS))
            raise RecordError("restrictions", "unknown-code", f"kind must be one of {kinds}")
        found.append(Restriction(**row))
    return tuple(found)


def _require(field: str, row: dict[str, str], columns: Iterable[str]) -> None:
    for column in columns:
        if column not in row:
            raise RecordError(field, "missing", f"an entry has no {column!r}")
