"""Reading list fields: Python lists, JSON in a CSV cell, or scalars between bars."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import orjson

from mpi.domain.errors import RecordError
from mpi.standardize.fields.record_shape import ITEM_COLUMNS
from mpi.standardize.fields.scalars import MAX_VALUE_CHARACTERS, parse_text

MAX_LIST_ENTRIES = 200
"""Entries of one list that the door lets in."""


def parse_entries(field: str, value: object, *, bars: bool) -> Sequence[object]:
    """The entries of a list field, as sent.

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
    """The texts of a list of scalars, in order, without empty ones and repeats.

    Raises:
        RecordError: it is no such list, or an entry is not text.
    """
    texts = [parse_text(field, entry) for entry in parse_entries(field, value, bars=True)]
    return tuple(dict.fromkeys([text for text in texts if text]))


def parse_entry_columns(field: str, entry: object) -> dict[str, str]:
    """The columns of one entry of a list of objects, without empty ones.

    Raises:
        RecordError: the entry is no object, or has a column that the field does not have.
    """
    if not isinstance(entry, Mapping):
        raise RecordError(field, "malformed-list", "each entry must be a JSON object")
    columns = ITEM_COLUMNS[field]
    if not entry.keys() <= columns:
        raise make_unknown_field_error(field, next(name for name in entry if name not in columns), columns)
    return {name: text for name, value in entry.items() if (text := parse_text(field, value, name)) is not None}


def make_unknown_field_error(field: str, name: object, known: frozenset[str]) -> RecordError:
    """The refusal of a name that the record or a list does not have.

    The name is quoted only if it looks like one: a file without a header offers a child's data as
    its column names.
    """
    if not (isinstance(name, str) and _is_name_like(name)):
        return RecordError(field, "unknown-field", "has a field whose name is no field name")
    near = get_close_matches(name.lower(), sorted(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; map it or leave it out"
    return RecordError(field, "unknown-field", f"has no field {name!r}{hint}")


def _is_name_like(name: str) -> bool:
    plain = name.replace("_", "").replace("-", "").replace(" ", "").replace(".", "")
    digits = sum(character.isdigit() for character in plain)
    return len(name) <= 64 and plain.isalnum() and plain[0].isalpha() and digits <= 3  # noqa: PLR2004


def _parse_cell(field: str, cell: str, *, bars: bool) -> object:
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
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return None
