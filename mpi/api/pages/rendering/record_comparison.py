"""Side-by-side table of records, with the model's mark of each field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from markupsafe import Markup, escape

from mpi.api.pages.rendering.record_values import ROWS
from mpi.service.explanations.pair_evidence import FieldVerdict

_PHONE_DIGITS = 10
_MAX_MARKED_LENGTH = 120
_ITEM_SEPARATOR = "; "
"""Separator of several values, of which the letters of one alone would mean nothing."""
_NOISE = re.compile(r"[\s.,'’\-/()]+")

FieldVerdicts = Mapping[str, FieldVerdict]
"""The model's verdict on each field that a comparison covers, by field code."""


class ComparisonStatus(StrEnum):
    """How a record's value compares with the reference value, for display."""

    SUBJECT = "subject"
    """The reference itself."""
    EQUAL = "equal"
    CLOSE = "close"
    DIFFERS = "differs"
    NOTHING = "nothing"
    """The record has no value."""
    UNMARKED = "unmarked"
    """No comparison of the model marks the value."""


_STATUS_OF_VERDICT = {
    FieldVerdict.SAME: ComparisonStatus.EQUAL,
    FieldVerdict.ALIKE: ComparisonStatus.CLOSE,
    FieldVerdict.DIFFERENT: ComparisonStatus.DIFFERS,
}
"""Mark of each verdict; a missing or neutral field has none."""


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


def compare_records(
    records: Sequence[Mapping[str, str]], verdicts: Sequence[FieldVerdicts | None]
) -> tuple[ComparisonRow, ...]:
    """Build the table of records, leaving out empty fields.

    Every mark is a verdict of the model. A field that no comparison covers is shown without a mark.

    Args:
        records: formatted values by field code.
        verdicts: verdicts on each record's fields beside the reference; None for the reference itself.
    """
    reference = records[verdicts.index(None)]
    return tuple(
        ComparisonRow(
            field,
            tuple(
                _build_cell(reference.get(field, ""), record.get(field, ""), marks, field)
                for record, marks in zip(records, verdicts, strict=True)
            ),
        )
        for field in _list_fields(records)
    )


def list_side_by_side(records: Sequence[Mapping[str, str]]) -> tuple[ComparisonRow, ...]:
    """Build the table of records that no model compares.

    Only equal values are marked, ignoring case, spaces and punctuation.

    Args:
        records: formatted values by field code; each is compared with the first.
    """
    return tuple(
        ComparisonRow(
            field,
            tuple(
                ComparisonCell(
                    _compare_plainly(field, records[0].get(field, ""), record.get(field, ""))
                    if number
                    else ComparisonStatus.UNMARKED,
                    escape(record.get(field, "")),
                )
                for number, record in enumerate(records)
            ),
        )
        for field in _list_fields(records)
    )


def _list_fields(records: Sequence[Mapping[str, str]]) -> list[str]:
    """List the fields that any record has, in the order of display."""
    present = {field for record in records for field in record}
    return [*(field for field in ROWS if field in present), *sorted(present.difference(ROWS))]


def _build_cell(reference: str, value: str, verdicts: FieldVerdicts | None, field: str) -> ComparisonCell:
    """Build the cell of a value, with differing letters marked."""
    if verdicts is None:
        return ComparisonCell(ComparisonStatus.SUBJECT, escape(value))
    if not value:
        return ComparisonCell(ComparisonStatus.NOTHING, Markup())
    status = _STATUS_OF_VERDICT.get(verdicts.get(field, FieldVerdict.NEUTRAL), ComparisonStatus.UNMARKED)
    is_close = status is ComparisonStatus.CLOSE and reference
    return ComparisonCell(status, _mark_differences(reference, value) if is_close else escape(value))


def _compare_plainly(field: str, reference: str, value: str) -> ComparisonStatus:
    """Return whether two displayed values are equal."""
    if not value:
        return ComparisonStatus.NOTHING
    is_equal = _normalize(reference, field) == _normalize(value, field)
    return ComparisonStatus.EQUAL if is_equal else ComparisonStatus.UNMARKED


def _mark_differences(reference: str, value: str) -> Markup:
    """Mark the letters of a value that the reference value lacks."""
    if len(value) > _MAX_MARKED_LENGTH or _ITEM_SEPARATOR in value:
        return escape(value)
    matcher = SequenceMatcher(None, reference.casefold(), value.casefold(), autojunk=False)
    marked_value = Markup()
    for kind, _, _, begin, end in matcher.get_opcodes():
        run = value[begin:end]
        if run:
            marked_value += escape(run) if kind == "equal" else Markup("<mark>{}</mark>").format(run)
    return marked_value


def _normalize(value: str, field: str) -> str:
    """Return a value without case, spaces and punctuation, for comparison."""
    if field == "phone":
        return "".join(letter for letter in value if letter.isdigit())[-_PHONE_DIGITS:]
    return _NOISE.sub(" ", value.casefold()).strip()
