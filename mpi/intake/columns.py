"""Checks that a mapping and a file's columns account for each other."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from mpi.domain.errors import MappingError
from mpi.intake.mapping_types import PLACEHOLDER, FileMapping
from mpi.standardize.fields.field_synonyms import suggest_field

_COLUMN_NAME = re.compile(r"[A-Za-z_][\w .\-/()#?:]{0,63}")
"""Shape of a column name; other text may be a value, and is not repeated in a message."""


def check_columns(mapping: FileMapping, columns: Sequence[str], *, complete: bool) -> None:
    """Raise where a mapping to canonical fields and a file's columns disagree.

    Args:
        mapping: the mapping.
        columns: columns of the file.
        complete: whether these are all; where rows name their own (NDJSON), a column that the mapping
            needs may come later, and is not missed.

    Raises:
        MappingError: columns are not accounted for, or some that the mapping needs are missing; all are
            named.
    """
    known_columns = list_columns(mapping)
    unknown_columns = [column for column in columns if column not in known_columns]
    if unknown_columns and len(unknown_columns) == len(columns):
        # Its "header" may be a row of values, which no message may repeat.
        raise MappingError(
            f"none of the file's {len(columns)} columns is one that {mapping.name} knows: is this the "
            "right mapping, and is the first line a header? mpi map proposes a mapping"
        )
    problems = []
    if unknown_columns:
        descriptions = ", ".join(
            _describe_column(column, columns.index(column), known_columns) for column in unknown_columns
        )
        problems.append(
            f"{mapping.name} does not account for {descriptions}: map each column, or list it under ignore"
        )
    missing_columns = list(_iter_missing_columns(mapping, columns)) if complete else []
    if missing_columns:
        problems.append(
            f"{mapping.name} needs {', '.join(dict.fromkeys(missing_columns))}, which the file does not have"
            ": correct the name, or set optional = true"
        )
    problems += _find_mistaken_constants(mapping, columns)
    if problems:
        raise MappingError("; ".join(problems))


def list_columns(mapping: FileMapping) -> dict[str, None]:
    """Return every file column that a mapping names, in its order."""
    used_columns = [column for names, _ in _iter_used_columns(mapping) for column in names]
    return dict.fromkeys([*used_columns, *sorted(mapping.ignore)])


def _iter_used_columns(mapping: FileMapping) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield each mapped value's alternative columns, and whether they are optional."""
    values = [] if mapping.local_id is None else [mapping.local_id]
    values += [value for _, value in mapping.fields]
    values += [value for entry in mapping.lists for _, value in entry.values]
    for value in values:
        if value.columns:
            yield value.columns, value.optional
        for column in PLACEHOLDER.findall(value.template or ""):
            yield (column,), value.optional
    for column in mapping.where:
        yield (column,), False


def _iter_missing_columns(mapping: FileMapping, columns: Sequence[str]) -> Iterator[str]:
    """Yield the required columns that a file lacks, quoted."""
    for names, optional in _iter_used_columns(mapping):
        if not optional and not any(name in columns for name in names):
            yield " or ".join(map(repr, names))


def _find_mistaken_constants(mapping: FileMapping, columns: Sequence[str]) -> list[str]:
    """Report mapping constants that equal a column's name, probably by mistake."""
    return [
        f"{mapping.name} writes {key} = {value.constant!r} in {entry.name}, which is a word there but also "
        f"a column: write {key} = {{column = {value.constant!r}}}"
        for entry in mapping.lists
        for key, value in entry.values
        if value.constant is not None and value.constant in columns
    ]


def _describe_column(column: str, position: int, known_columns: Iterable[str]) -> str:
    """Return a column's name for a message, with the nearest known name."""
    if not _COLUMN_NAME.fullmatch(column):
        return f"column {position + 1}"
    names = {name.lower(): name for name in known_columns}
    near_names = get_close_matches(column.lower(), names, n=1)
    near_name = names[near_names[0]] if near_names else suggest_field(column, names.values())
    return f"{column!r} (near {near_name!r})" if near_name else repr(column)
