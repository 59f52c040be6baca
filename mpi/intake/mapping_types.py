"""Mappings of a file's columns to fields of the canonical record.

The language is documented in docs/reference/mappings.md; ``mpi.intake.mapping_reader`` parses it. A mapping
says nothing about one file: ``mpi.intake.projection`` binds it to a file's columns.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import orjson

from mpi.domain.record import (
    SENT_FIELDS,
    Address,
    Enrollment,
    Flag,
    Guardian,
    Identifier,
    LinkageToken,
    OtherName,
    Placement,
    Restriction,
)
from mpi.intake.cell_conversion import DateFormat

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
"""A column in a template."""

LIST_OBJECTS: dict[str, type[NamedTuple]] = {
    "identifiers": Identifier,
    "linkage_tokens": LinkageToken,
    "other_names": OtherName,
    "addresses": Address,
    "guardians": Guardian,
    "enrollments": Enrollment,
    "placements": Placement,
    "flags": Flag,
    "restrictions": Restriction,
}
"""Canonical list fields, with the type of one entry."""

OBJECT_KEYS = {name: kind._fields for name, kind in LIST_OBJECTS.items()}
"""Keys of one entry of each list field."""

FLAT_OF_LIST = {
    name: tuple(key for key in OBJECT_KEYS[name] if key in SENT_FIELDS)
    for name in ("addresses", "guardians", "enrollments")
}
"""Flat fields that repeat the first entry of a list field."""


@dataclass(frozen=True, slots=True)
class MappedValue:
    """Where a mapping takes one canonical value from, and how converted.

    Args:
        columns: the column; of several names, the one that the file has.
        template: text with ``{Column}`` in it, instead of one column.
        constant: the same text for every row, instead of a column.
        date_formats: formats in which the date is written.
        first_year: earliest year that the column holds: a two-digit year belongs to the hundred years from
            it, and a date before it is missing; None for no bound.
        codes: code in the file to value in the canonical record; an empty value is missing.
        codes_default: value of a code that ``codes`` does not list.
        split: separator of several values in one cell.
        name_part: of a name in one cell, 0 for the first, 1 the middle, 2 the last name.
        optional: whether the file may lack the column.
    """

    columns: tuple[str, ...] = ()
    template: str | None = None
    constant: str | None = None
    date_formats: tuple[DateFormat, ...] = ()
    first_year: int | None = None
    codes: Mapping[str, str] | None = None
    codes_default: str | None = None
    split: str | None = None
    name_part: int | None = None
    optional: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the mapping takes the value without a conversion."""
        steps = (
            self.date_formats,
            self.first_year is not None,
            self.codes is not None,
            self.split,
            self.name_part is not None,
        )
        return not any(steps)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One ``[[list]]`` table of a mapping: an entry of a list field.

    Each row adds one object to the list, if it has values for it.
    """

    name: str
    values: tuple[tuple[str, MappedValue], ...]


@dataclass(frozen=True, slots=True)
class FileMapping:
    """Mapping of a file's columns to canonical fields.

    Args:
        name: name of the mapping in messages.
        format: file format, where the mapping says it.
        delimiter: delimiter of a CSV file, where the mapping says it.
        encoding: Python's name of the file's encoding.
        sheet: name of the sheet of a workbook, where the mapping says it.
        header_row: row that names the columns, from 1; None for the first.
        local_id: source of the local ID; None for the row's number in the file. A row number names a record
            within one file only, so such a file must be loaded as a full snapshot.
        fields: canonical field and its value.
        lists: objects of list fields.
        ignore: columns that are left out on purpose.
        where: column and the text it must have; other rows are skipped.
    """

    name: str
    local_id: MappedValue | None
    fields: tuple[tuple[str, MappedValue], ...]
    lists: tuple[ListEntry, ...] = ()
    ignore: frozenset[str] = frozenset()
    where: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    sheet: str | None = None
    header_row: int | None = None

    @property
    def local_id_from_row(self) -> bool:
        """Whether local IDs are row numbers, which need a full snapshot."""
        return self.local_id is None

    def digest(self) -> str:
        """Return the SHA-256 of the mapping without its name, in hexadecimal."""
        content = orjson.dumps(replace(self, name=""), default=_to_json_value, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()

    def with_where(self, column: str, value: str) -> "FileMapping":
        """Return this mapping for rows whose column has a text."""
        return replace(self, where={**self.where, column: value})


def _to_json_value(part: object) -> object:
    """Convert a set or pattern in a mapping to a JSON value."""
    if isinstance(part, frozenset):
        return sorted(part)
    if isinstance(part, re.Pattern):
        return part.pattern
    raise TypeError(type(part).__name__)


def make_canonical_mapping() -> FileMapping:
    """Make the mapping of a file whose columns are canonical fields."""
    return FileMapping(
        name="the canonical record",
        local_id=MappedValue(columns=("local_id",)),
        fields=tuple(
            (name, MappedValue(columns=(name,), optional=True)) for name in SENT_FIELDS if name != "local_id"
        ),
    )
