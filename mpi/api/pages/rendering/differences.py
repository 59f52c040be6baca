"""Records side by side, and how each value stands to that of the record which they are compared with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from markupsafe import Markup, escape

from mpi.api.pages.rendering.record_values import ROWS

_CLOSE_RATIO = 0.7
"""From this likeness on (2 × shared letters / all letters) two values are shown letter by letter."""
_CLOSE_NUMBER_RATIO = 0.92
_NUMBER_FIELDS = frozenset({"identifiers", "phone"})
"""Fields whose values share much by their form alone: these have to be nearer."""
_NEUTRAL_FIELDS = frozenset({"household_ids", "enrollments", "placements"})
"""Fields of which another value speaks against nothing: schools change, and each system has its own keys."""
_PHONE_DIGITS = 10
_MAX_MARKED_LENGTH = 120
_ITEM_SEPARATOR = "; "
_NOISE = re.compile(r"[\s.,'’\-/()]+")


class ComparisonStatus(StrEnum):
    """How a value stands to the one that it is compared with."""

    SUBJECT = "subject"
    EQUAL = "equal"
    CLOSE = "close"
    SHARES = "shares"
    DIFFERS = "differs"
    NOTHING = "nothing"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class ComparisonCell:
    """One value, with the letters that differ marked."""

    standing: ComparisonStatus
    shown: Markup


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One field of all the records, in their order."""

    field: str
    cells: tuple[ComparisonCell, ...]


def compare_records(records: Sequence[Mapping[str, str]], *, star: bool) -> tuple[ComparisonRow, ...]:
    """The rows of several records; a field that none of them has is left out.

    Args:
        records: values by field code, the subject of a star first.
        star: whether the others are compared with the first; otherwise each value is compared with the one
            that most of them have, the first of equals.
    """
    fields_present = {field for record in records for field in record}
    fields = [*(field for field in ROWS if field in fields_present), *sorted(fields_present.difference(ROWS))]
    return tuple(
        _compare_field(field, [record.get(field, "") for record in records], star=star) for field in fields
    )


def _compare_field(field: str, values: Sequence[str], *, star: bool) -> ComparisonRow:
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
    nonempty = [value for value in normalized if value]
    return normalized.index(max(nonempty, key=nonempty.count)) if nonempty else 0


def _compare_cell(field: str, reference: str, value: str) -> ComparisonCell:
    standing = compare_values(reference, value, field)
    if field in _NEUTRAL_FIELDS and standing in (ComparisonStatus.CLOSE, ComparisonStatus.DIFFERS):
        standing = ComparisonStatus.ALONE
    marked_value = (
        _mark_differences(reference, value) if standing is ComparisonStatus.CLOSE else escape(value)
    )
    return ComparisonCell(standing, marked_value)


def compare_values(reference: str, value: str, field: str = "") -> ComparisonStatus:
    """How one value stands to another; case, spaces and punctuation make no difference.

    Args:
        reference: what it is compared with.
        value: as it is shown.
        field: its field code.
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
    # Given name and surname exchanged are the same words.
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
    """The value with the runs of letters that the reference does not have marked."""
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
    if field == "phone":
        return "".join(letter for letter in value if letter.isdigit())[-_PHONE_DIGITS:]
    return _NOISE.sub(" ", value.casefold()).strip()
