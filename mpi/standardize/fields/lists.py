"""Parsing of list fields from Python lists, JSON text or bar-separated text."""

from collections.abc import Mapping, Sequence

import orjson

from mpi.domain.errors import RecordError
from mpi.standardize.fields.field_synonyms import suggest_field
from mpi.standardize.fields.record_shape import ITEM_COLUMNS
from mpi.standardize.fields.scalars import MAX_VALUE_CHARACTERS, parse_text

MAX_LIST_ENTRIES = 200
"""Most entries of one list field."""

_MAX_NAME_CHARACTERS = 64
_MAX_NAME_DIGITS = 3


def parse_entries(field: str, value: object, *, bars: bool) -> Sequence[object]:
    """Return the entries of a record's list field, as sent.

    Args:
        field: the canonical field.
        value: a list; or text: a JSON list, or scalars separated by ``|``; or one number.
        bars: whether the field's entries may be scalars.

    Raises:
        RecordError: it is no such list, or has too many entries.
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN, a data frame's missing value
        return ()
    entries = _parse_cell(field, value, bars=bars) if isinstance(value, str) else value
    if bars and isinstance(entries, int | float) and not isinstance(entries, bool):
        entries = [entries]
    if not isinstance(entries, list | tuple):
        raise RecordError(field, "malformed-list", "must be a list, or a JSON list in a cell")
    if len(entries) > MAX_LIST_ENTRIES:
        raise RecordError(field, "too-many", f"has more than {MAX_LIST_ENTRIES} entries")
    return entries


def parse_scalars(field: str, value: object) -> tuple[str, ...]:
    """Return the distinct texts of a list of scalars, in order.

    Raises:
        RecordError: it is no such list, or an entry is not text.
    """
    texts = [parse_text(field, entry) for entry in parse_entries(field, value, bars=True)]
    return tuple(dict.fromkeys([text for text in texts if text]))


def parse_entry_columns(field: str, entry: object) -> dict[str, str]:
    """Return the columns of one list entry that have a value.

    Raises:
        RecordError: the entry is no object, or has a column that the field does not have.
    """
    if not isinstance(entry, Mapping):
        raise RecordError(field, "malformed-list", "each entry must be a JSON object")
    columns = ITEM_COLUMNS[field]
    if not entry.keys() <= columns:
        raise make_unknown_field_error(field, next(name for name in entry if name not in columns), columns)
    return {
        name: text for name, value in entry.items() if (text := parse_text(field, value, name)) is not None
    }


def make_unknown_field_error(field: str, name: object, known_names: frozenset[str]) -> RecordError:
    """Make the error about an unknown field or column.

    The name is quoted only if it looks like one: a file without a header offers a child's data as
    its column names.
    """
    if not (isinstance(name, str) and _is_name_like(name)):
        return RecordError(field, "unknown-field", "has a field whose name is no field name")
    near_name = suggest_field(name, sorted(known_names))
    hint = f"; did you mean {near_name!r}?" if near_name else "; map it or leave it out"
    return RecordError(field, "unknown-field", f"has no field {name!r}{hint}")


def _is_name_like(name: str) -> bool:
    """Return whether a text looks like a field name, not a value."""
    letters_and_digits = name.replace("_", "").replace("-", "").replace(" ", "").replace(".", "")
    digit_count = sum(character.isdigit() for character in letters_and_digits)
    return (
        len(name) <= _MAX_NAME_CHARACTERS
        and letters_and_digits.isalnum()
        and letters_and_digits[0].isalpha()
        and digit_count <= _MAX_NAME_DIGITS
    )


def _parse_cell(field: str, cell: str, *, bars: bool) -> object:
    """Parse the entries of a list field from a cell's text."""
    if len(cell) > MAX_VALUE_CHARACTERS:
        raise RecordError(field, "too-long", f"longer than {MAX_VALUE_CHARACTERS:,} characters")
    cell = cell.strip()
    if not cell:
        return []
    if bars and not cell.startswith("["):
        return cell.split("|")
    # Parsed outside the handler: a chained exception would carry the cell's text with it.
    parsed = _parse_json(cell)
    if parsed is None:
        raise RecordError(field, "malformed-list", "is not a JSON list; quote it as JSON")
    return parsed


def _parse_json(cell: str) -> object:
    """Parse JSON; None where the text is none."""
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return None
