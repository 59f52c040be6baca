"""Side-by-side comparison of records, with differing letters marked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from markupsafe import Markup, escape

from mpi.api.pages.rendering.record_values import ROWS

_CLOSE_RATIO = 0.7
"""Similarity (2 × shared letters / all letters) from which differing letters are marked."""
_CLOSE_NUMBER_RATIO = 0.92
_NUMBER_FIELDS = frozenset({"identifiers", "phone"})
"""Fields of numbers, whose form alone makes values similar, so that a higher similarity is required."""
_NEUTRAL_FIELDS = frozenset({"household_ids", "enrollments", "placements"})
"""Fields in which another value is no evidence against a match.

Schools change, and each system has household keys of its own.
"""
_PHONE_DIGITS = 10
_MAX_MARKED_LENGTH = 120
_ITEM_SEPARATOR = "; "
_NOISE = re.compile(r"[\s.,'’\-/()]+")


class ComparisonStatus(StrEnum):
    """How a record's value compares with the reference value, for display."""

    SUBJECT = "subject"
    EQUAL = "equal"
    CLOSE = "close"
    SHARES = "shares"
    DIFFERS = "differs"
    NOTHING = "nothing"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class ComparisonCell:
    """A record's value with its comparison status and differing letters marked."""

    standing: ComparisonStatus
    shown: Markup


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """Values of one field in all records compared on a page."""

    field: str
    cells: tuple[ComparisonCell, ...]


def compare_records(records: Sequence[Mapping[str, str]], *, star: bool) -> tuple[ComparisonRow, ...]:
    """Compare records field by field for display, leaving out empty fields.

    Args:
        records: formatted values by field code; the subject of a star comes first.
        star: compare the other records with the first; otherwise compare each value with the most common one,
            the first of equals.
    """
    fields_present = {field for record in records for field in record}
    fields = [*(field for field in ROWS if field in fields_present), *sorted(fields_present.difference(ROWS))]
    return tuple(
        _compare_field(field, [record.get(field, "") for record in records], star=star) for field in fields
    )


def _compare_field(field: str, values: Sequence[str], *, star: bool) -> ComparisonRow:
    """Compare the values of one field in all records."""
    reference_position = 0 if star else _find_commonest([_normalize(value, field) for value in values])
    reference = values[reference_position]
    cells = [_compare_cell(field, reference, value) for value in values]
    others = [cell.standing for n, cell in enumerate(cells) if n != reference_position]
    if star or ComparisonStatus.EQUAL not in others:
        cells[reference_position] = ComparisonCell(
            ComparisonStatus.SUBJECT if star else ComparisonStatus.ALONE, escape(reference)
        )
    return ComparisonRow(field, tuple(cells))


def _find_commonest(normalized: Sequence[str]) -> int:
    """Return the position of the most common nonempty value."""
    nonempty = [value for value in normalized if value]
    return normalized.index(max(nonempty, key=nonempty.count)) if nonempty else 0


def _compare_cell(field: str, reference: str, value: str) -> ComparisonCell:
    """Compare one displayed value with the reference and mark its letters."""
    standing = compare_values(reference, value, field)
    if field in _NEUTRAL_FIELDS and standing in (ComparisonStatus.CLOSE, ComparisonStatus.DIFFERS):
        standing = ComparisonStatus.ALONE
    marked_value = (
        _mark_differences(reference, value) if standing is ComparisonStatus.CLOSE else escape(value)
    )
    return ComparisonCell(standing, marked_value)


def compare_values(reference: str, value: str, field: str = "") -> ComparisonStatus:
    """Compare two displayed values, ignoring case, spaces and punctuation.

    Args:
        reference: value to compare with.
        value: the value as shown.
        field: field code of the value.
    """
    if not value:
        return ComparisonStatus.NOTHING
    if not reference:
        return ComparisonStatus.ALONE
    if _normalize(reference, field) == _normalize(value, field):
        return ComparisonStatus.EQUAL
    reference_items, value_items = (
        {_normalize(item, field) for item in text.split(_ITEM_SEPARATOR)} for text in (reference, value)
    )
    # Exchanged first and last names are the same words.
    if reference_items & value_items or sorted(_normalize(reference).split()) == sorted(
        _normalize(value).split()
    ):
        return ComparisonStatus.SHARES
    similarity = SequenceMatcher(
        None, _normalize(reference, field), _normalize(value, field), autojunk=False
    ).ratio()
    threshold = _CLOSE_NUMBER_RATIO if field in _NUMBER_FIELDS else _CLOSE_RATIO
    return ComparisonStatus.CLOSE if similarity >= threshold else ComparisonStatus.DIFFERS


def _mark_differences(reference: str, value: str) -> Markup:
    """Mark the letters of a value that the reference value lacks."""
    if len(value) > _MAX_MARKED_LENGTH:
        return escape(value)
    matcher = SequenceMatcher(None, reference.casefold(), value.casefold(), autojunk=False)
    marked_value = Markup()
    for kind, _, _, begin, end in matcher.get_opcodes():
        run = value[begin:end]
        if run:
            marked_value += escape(run) if kind == "equal" else Markup("<mark>{}</mark>").format(run)
    return marked_value


def _normalize(value: str, field: str = "") -> str:
    """Return a value without case, spaces and punctuation, for comparison."""
    if field == "phone":
        return "".join(letter for letter in value if letter.isdigit())[-_PHONE_DIGITS:]
    return _NOISE.sub(" ", value.casefold()).strip()
