"""Building the entries of list fields, each with the rules of its kind."""

import re
from collections.abc import Callable, Iterable, Mapping
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
from mpi.standardize.fields.codes import FLAG_VALUES, RESTRICTION_KINDS
from mpi.standardize.fields.lists import columns_of, entries_of
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.fields.scalars import text_of, texts_of
from mpi.standardize.name.full_names import split_full_name
from mpi.standardize.ssn import is_ssn_system

_Item = TypeVar("_Item", Address, Guardian, Enrollment, Placement)

_POPULATION = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_NO_DEFINITION = "source"
"""Whose definition a flag follows where none is named: the source's own."""


def dated_items(field: str, kind: Callable[..., _Item], sent: Mapping[str, object]) -> tuple[_Item, ...]:
    """The entries of a dated list, whose first may have been sent in flat columns instead.

    Args:
        field: ``addresses``, ``guardians``, ``enrollments`` or ``placements``.
        kind: what its entries are.
        sent: the whole record as sent.

    Raises:
        RecordError: the list is malformed, an entry has an unknown column, or the first entry and a
            flat column differ.
    """
    flat = texts_of(sent, FLAT_COLUMNS.get(field, ()))
    if sent.get(field) is None:
        return (kind(**flat),) if flat else ()
    rows = (columns_of(field, entry) for entry in entries_of(field, sent[field], bars=False))
    listed = tuple(kind(**row) for row in rows if row)
    if not flat:
        return listed
    if not listed:
        return (kind(**flat),)
    for column, text in flat.items():
        if getattr(listed[0], column) != text:
            raise RecordError(field, "conflict", f"its first entry differs from the flat column {column!r}")
    return listed


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
        elif row := columns_of("other_names", entry):
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
        row = columns_of("identifiers", entry)
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
        row = columns_of("flags", entry)
        _require("flags", row, ("population", "value"))
        if not _POPULATION.match(row["population"]):
            raise RecordError(
                "flags",
                "unknown-code",
                "population must be a lower_snake_case code: see docs/reference/flags.md",
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
        row = columns_of("restrictions", entry)
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
