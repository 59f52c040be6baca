"""Conversion of one sent value to trimmed, bounded, storable text.

A value that cannot be converted is refused with its field's name.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from mpi.domain.errors import RecordError
from mpi.standardize.fields.invisible_characters import (
    holds_invisible_characters,
    remove_invisible_characters,
)

MAX_VALUE_CHARACTERS = 10_000
"""Most characters of a value."""
MAX_LOCAL_ID_CHARACTERS = 200
"""Most characters of a local ID."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_NUMBER = 10**30
_FIRST_INEXACT_FLOAT = 2**53
# A number has no leading zeros, so these are put back; text is left as it was written.
_DIGITS_OF_COLUMN = {"postal_code": 5, "ssn": 9, "ssn_last4": 4}


def parse_text(field: str, value: object, column: str | None = None) -> str | None:
    """Return a field's value as trimmed text; None where it is empty.

    Whole numbers and dates are read as their text, because JSON and Parquet send identifiers and
    postal codes so. A number that may have lost digits is refused, as two children's IDs would be one.
    Characters that cannot be seen are removed.

    Args:
        field: the canonical field that an error names.
        value: what was sent.
        column: the column inside the field, where the field is a list.

    Raises:
        RecordError: not text, too long, a number that may have lost digits, or holding what a database
            cannot store.
    """
    text = _read_text(field, value, column)
    return None if text is None else remove_invisible_characters(text).strip() or None


def _read_text(field: str, value: object, column: str | None = None) -> str | None:
    """Return a value's text as it was sent, bounded and storable."""
    if value is None:
        return None
    text = value if isinstance(value, str) else _format_value(field, value, column or field)
    if text is None:
        return None
    if len(text) > MAX_VALUE_CHARACTERS:
        raise RecordError(field, "too-long", f"longer than {MAX_VALUE_CHARACTERS:,} characters")
    if "\0" in text:
        raise RecordError(field, "nul-character", "holds a NUL character; remove it")
    if not text.isascii() and _LONE_SURROGATE.search(text):
        raise RecordError(field, "not-unicode", "holds half of a character; send valid UTF-8")
    return text


def parse_texts(raw_record: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    """Return the trimmed texts of some fields of a record.

    Raises:
        RecordError: as ``parse_text``.
    """
    return {
        name: text
        for name in names
        if name in raw_record and (text := parse_text(name, raw_record[name])) is not None
    }


def parse_local_id(value: object) -> str:
    """Return a record's local ID: 1 to 200 characters, no control characters.

    Raises:
        RecordError: missing, too long, or not such text.
    """
    # Two local IDs that look alike stay two: nothing is removed from them but spaces around.
    text = (_read_text("local_id", value) or "").strip()
    if not text:
        raise RecordError("local_id", "missing", "every record needs its source's local ID")
    if len(text) > MAX_LOCAL_ID_CHARACTERS:
        raise RecordError("local_id", "too-long", f"longer than {MAX_LOCAL_ID_CHARACTERS} characters")
    # No control character can be printed; few of what cannot be are one.
    if not text.isprintable() and any(unicodedata.category(character) == "Cc" for character in text):
        raise RecordError("local_id", "control-character", "holds a control character; remove it")
    return text


def require_visible(local_id: str) -> None:
    """Refuse a new local ID that holds characters which cannot be seen.

    Records that were stored under such an ID before can still be read, renamed and withdrawn.

    Raises:
        RecordError: it holds such a character.
    """
    if holds_invisible_characters(local_id):
        raise RecordError(
            "local_id",
            "invisible-character",
            "holds a zero-width character, or one that turns the direction of text; remove it",
        )


def to_whole_number(value: float | Decimal) -> int | None:
    """Return a number without fraction as integer, else None."""
    if not math.isfinite(value):
        return None
    integer = int(value)
    return integer if integer == value else None


def is_inexact(value: object) -> bool:
    """Return whether a value is a float that may have lost digits.

    Readers of JSON make one of a whole number of more than 64 bits.
    """
    return isinstance(value, float) and math.isfinite(value) and abs(value) >= _FIRST_INEXACT_FLOAT


def _format_value(field: str, value: object, column: str) -> str | None:
    """Write a number or date as text; None for NaN."""
    if is_inexact(value):
        raise RecordError(field, "inexact-number", "a number that may have lost digits; send it as text")
    if isinstance(value, float | Decimal):
        if value != value:  # noqa: PLR0124 - NaN is how data frames write a missing value
            return None
        integer = to_whole_number(value)
        value = value if integer is None else integer
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= _MAX_NUMBER:
            raise RecordError(field, "too-long", "a number of more than 30 digits")
        return str(value).zfill(_DIGITS_OF_COLUMN.get(column, 0))
    if isinstance(value, date):
        return value.isoformat()
    raise RecordError(field, "not-text", f"must be text, not {type(value).__name__}")
