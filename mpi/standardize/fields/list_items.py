"""Construction of list entries: addresses, identifiers, flags and others.

Each kind has its own rules.
"""

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
    QualityIssue,
    Restriction,
)
from mpi.policy.never_ingested import refuse_never_ingested
from mpi.standardize.fields.codes import RESTRICTION_KINDS, parse_flag_value
from mpi.standardize.fields.lists import parse_entries, parse_entry_columns
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.fields.scalars import parse_text, parse_texts
from mpi.standardize.missing_values import name_fault
from mpi.standardize.name.full_names import split_full_name
from mpi.standardize.ssn import is_ssn_system

_Item = TypeVar("_Item", Address, Guardian, Enrollment, Placement)

_POPULATION_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_DEFAULT_DEFINITION = "source"
"""Definition of a flag that names none: the source's own."""


def build_dated_items(
    field: str, kind: Callable[..., _Item], raw_record: Mapping[str, object]
) -> tuple[_Item, ...]:
    """Build the entries of a record's dated list, such as addresses.

    The first entry may have been sent in flat columns instead.

    Args:
        field: ``addresses``, ``guardians``, ``enrollments`` or ``placements``.
        kind: type of its entries.
        raw_record: the whole record as sent.

    Raises:
        RecordError: the list is malformed, an entry has an unknown column, the first entry and a flat column
            differ, or a placement's type tells of what is never stored.
    """
    flat_columns = parse_texts(raw_record, FLAT_COLUMNS.get(field, ()))
    if raw_record.get(field) is None:
        return (kind(**flat_columns),) if flat_columns else ()
    rows = (
        parse_entry_columns(field, entry) for entry in parse_entries(field, raw_record[field], bars=False)
    )
    items = tuple(kind(**row) for row in rows if row)
    for item in items:
        if isinstance(item, Placement):
            refuse_never_ingested("placements.type", item.type or "")
    if not flat_columns:
        return items
    if not items:
        return (kind(**flat_columns),)
    for column, text in flat_columns.items():
        if getattr(items[0], column) != text:
            raise RecordError(field, "conflict", f"its first entry differs from the flat column {column!r}")
    return items


def build_other_names(value: object) -> tuple[OtherName, ...]:
    """Build a record's other names; a plain text is a full name.

    Raises:
        RecordError: the list is malformed or an entry has an unknown column.
    """
    names = []
    for entry in parse_entries("other_names", value, bars=True):
        if isinstance(entry, str):
            text = parse_text("other_names", entry)
            if text:
                names.append(OtherName(*split_full_name(text)))
        elif row := parse_entry_columns("other_names", entry):
            names.append(OtherName(**row))
    return tuple(names)


def build_identifiers(value: object) -> tuple[tuple[Identifier, ...], tuple[str, ...]]:
    """Build a record's identifiers, and separate those that are SSNs.

    An entry without a value says nothing and is left out.

    Returns:
        The identifiers, and the values of those that are SSNs.

    Raises:
        RecordError: the list is malformed, an entry lacks its system or assigner, or its system tells of
            what is never stored.
    """
    person_identifiers, ssns = [], []
    for entry in parse_entries("identifiers", value, bars=False):
        row = parse_entry_columns("identifiers", entry)
        if "value" not in row:
            continue
        if is_ssn_system(row.get("system", "")):
            ssns.append(row["value"])
            continue
        _require_columns("identifiers", row, ("system", "assigner"))
        refuse_never_ingested("identifiers.system", row["system"])
        person_identifiers.append(Identifier(**row))
    return tuple(person_identifiers), tuple(ssns)


def build_flags(value: object) -> tuple[tuple[Flag, ...], tuple[QualityIssue, ...]]:
    """Build a record's special-population flags.

    An entry whose value stands for no value says nothing and is left out. So is one whose population or value
    is no such code: a flag that cannot be read must not cost the child. Words such as ``yes`` are read.

    Returns:
        The flags, and a quality issue for each entry that was left out.

    Raises:
        RecordError: the list is malformed, or an entry tells of what is never stored.
    """
    items, issues = [], []
    for entry in parse_entries("flags", value, bars=False):
        row = parse_entry_columns("flags", entry)
        _require_columns("flags", row, ("population", "value"))
        refuse_never_ingested("flags.population", row["population"])
        refuse_never_ingested("flags.detail", row.get("detail", ""))
        flag_value = parse_flag_value(row["value"])
        if flag_value is None or not _POPULATION_CODE.match(row["population"]):
            issues.append(QualityIssue("flags", name_fault(row["value"], "unknown-code")))
            continue
        items.append(Flag(**{"definition": _DEFAULT_DEFINITION, **row, "value": flag_value}))
    return tuple(items), tuple(issues)


def build_restrictions(value: object) -> tuple[Restriction, ...]:
    """Build the legal restrictions on a record.

    Raises:
        RecordError: the list is malformed, or an entry's kind is none that the index obeys: a restriction
            that the index cannot obey must not be stored as if it held.
    """
    items = []
    for entry in parse_entries("restrictions", value, bars=False):
        row = parse_entry_columns("restrictions", entry)
        _require_columns("restrictions", row, ("kind",))
        if row["kind"] not in RESTRICTION_KINDS:
            kinds = ", ".join(sorted(RESTRICTION_KINDS))
            raise RecordError("restrictions", "unknown-code", f"kind must be one of {kinds}")
        items.append(Restriction(**row))
    return tuple(items)


def _require_columns(field: str, row: dict[str, str], columns: Iterable[str]) -> None:
    """Raise where a list entry lacks one of its required columns."""
    for column in columns:
        if column not in row:
            raise RecordError(field, "missing", f"an entry has no {column!r}")
