"""Strict parser of mapping files.

A key without meaning is an error, reported with its place. The language is documented, with examples, in
docs/reference/mappings.md.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import cast

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import InputError, MappingError
from mpi.domain.record import SENT_FIELDS
from mpi.intake.cell_conversion import DateFormat
from mpi.intake.encoding import ENCODINGS, to_codec_name
from mpi.intake.mapping_types import (
    FLAT_OF_LIST,
    OBJECT_KEYS,
    PLACEHOLDER,
    FileMapping,
    ListEntry,
    MappedValue,
    make_canonical_mapping,
)
from mpi.policy.never_ingested import find_never_ingested_topic
from mpi.standardize.fields.dates import EARLIEST_BIRTH_YEAR
from mpi.standardize.fields.field_synonyms import suggest_field

__all__ = ["FileMapping", "list_shipped_mappings", "load_mapping", "make_canonical_mapping", "narrow_mapping"]

MAPPED_FORMATS = ("csv", "xlsx", "parquet", "ndjson")
"""Formats whose columns are the sender's own.

The XML formats have one meaning and no mapping.
"""

_FIRST_YEARS = range(EARLIEST_BIRTH_YEAR, 2101)
_TOP_LEVEL_KEYS = ("description", "file", "local_id", "where", "ignore", "fields", *OBJECT_KEYS)
_FILE_KEYS = ("format", "delimiter", "encoding", "sheet", "header_row")
_MAX_HEADER_ROW = 100
_VALUE_KEYS = (
    "column", "template", "constant", "date_format", "first_year", "codes", "codes_default", "split",
    "optional",
)  # fmt: skip
_CONSTANT_KEYS = {
    "identifiers": ("system", "assigner"),
    "linkage_tokens": ("exchange", "rule"),
    "flags": ("population", "definition", "asserted_by"),
    "restrictions": ("kind",),
    "other_names": ("type",),
    "addresses": ("type",),
}
"""Keys whose bare text is a constant of the canonical record, not a column."""

_FULL_NAME_PARTS = {
    "full_name": {"first_name": 0, "middle_name": 1, "last_name": 2},
    "guardian_full_name": {"guardian_first_name": 0, "guardian_last_name": 2},
}
"""Full names in one cell, with the fields that their parts fill."""


def list_shipped_mappings() -> list[str]:
    """Return the names of the file mappings that come with the index."""
    folder = files("mpi.intake") / "mappings"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return sorted(name.removesuffix(".toml") for name in names)


def load_mapping(source: Path | str) -> FileMapping:
    """Read a file that maps a source's columns to canonical fields.

    Args:
        source: a TOML file, or the name of a shipped mapping.

    Raises:
        MappingError: there is none, or it is wrong; the message says where.
    """
    path, document = _read_document(source)
    try:
        return _read_mapping(path.stem, document)
    except _MappingFaultError as fault:
        raise MappingError(f"mapping {path.name}: {fault}") from None


def parse_mapping(name: str, text: str) -> FileMapping:
    """Read the text of a mapping.

    Args:
        name: name of the mapping in messages.
        text: the TOML text.

    Raises:
        MappingError: it is wrong; the message says where.
    """
    try:
        return _read_mapping(name, parse_toml(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"mapping {name}: not TOML: {error}") from error
    except _MappingFaultError as fault:
        raise MappingError(f"mapping {name}: {fault}") from None


def load_field_mapping(source: Path | str, fields: Sequence[str]) -> FileMapping:
    """Read a mapping of columns for rows that are no records.

    It has no ``local_id`` and no lists; the rest of the language is that of ``load_mapping``.

    Args:
        source: a TOML file.
        fields: names of the fields.

    Raises:
        MappingError: there is none, or it is wrong; the message says where.
    """
    path, document = _read_document(source)
    try:
        _require_known_keys("", document, ("description", "file", "where", "ignore", "fields"))
        values = _require_table("[fields]", document.get("fields", {}))
        _require_known_keys("[fields]", values, fields)
        return _build_mapping(path.stem, document, None, _read_values("[fields]", values, ()))
    except _MappingFaultError as fault:
        raise MappingError(f"mapping {path.name}: {fault}") from None


def _read_document(source: Path | str) -> tuple[Path, dict[str, object]]:
    """Return the path and the TOML document of a mapping file."""
    path = Path(source)
    try:
        if str(source) in list_shipped_mappings():
            resource = files("mpi.intake") / "mappings" / f"{source}.toml"
            return path, tomllib.loads(resource.read_text(encoding="utf-8"))
        return path, parse_toml(path.read_bytes().decode())
    except OSError as error:
        raise MappingError(
            f"mapping {path.name}: cannot be opened: {error.strerror}; shipped mappings: "
            f"{', '.join(list_shipped_mappings())}"
        ) from error
    except UnicodeDecodeError as error:
        raise MappingError(f"mapping {path.name}: it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"mapping {path.name}: not TOML: {error}") from error


def narrow_mapping(
    mapping: FileMapping | None, conditions: Iterable[str], *, full: bool
) -> FileMapping | None:
    """Return a file's mapping, narrowed to rows that meet conditions.

    Args:
        mapping: the mapping; None for a file of canonical columns.
        conditions: each ``COLUMN=VALUE``: only rows whose column has this text.
        full: whether the file holds all records of its source.

    Returns:
        None for a canonical file without conditions, which needs no mapping.

    Raises:
        InputError: a condition is none, or the mapping needs a full snapshot.
    """
    if mapping is not None and mapping.local_id_from_row and not full:
        raise InputError(
            f"{mapping.name} takes local IDs from row numbers: load a full snapshot (--snapshot full)"
        )
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise InputError("where: give COLUMN=VALUE")
        mapping = (mapping or make_canonical_mapping()).with_where(column, value)
    return mapping


class _MappingFaultError(Exception):
    """Error with its place in a mapping file, without the file's name."""


def _read_mapping(stem: str, document: dict[str, object]) -> FileMapping:
    """Return the column mapping of a parsed TOML document."""
    _require_known_keys("", document, _TOP_LEVEL_KEYS)
    lists = tuple(
        _read_list_entry(name, entry)
        for name in OBJECT_KEYS
        for entry in _require_tables(name, document.get(name, []))
    )
    mapping = _build_mapping(
        stem,
        document,
        _read_local_id(document.get("local_id")),
        _read_fields(_require_table("[fields]", document.get("fields", {}))),
        lists,
    )
    _check_lists_against_fields(mapping)
    return mapping


def _build_mapping(
    stem: str,
    document: dict[str, object],
    local_id: MappedValue | None,
    fields: tuple[tuple[str, MappedValue], ...],
    lists: tuple[ListEntry, ...] = (),
) -> FileMapping:
    """Return a mapping of values with its document's settings for the file."""
    file_table = _require_table("[file]", document.get("file", {}))
    _require_known_keys("[file]", file_table, _FILE_KEYS)
    return FileMapping(
        name=f"mapping {stem}",
        local_id=local_id,
        fields=fields,
        lists=lists,
        ignore=frozenset(_require_texts("ignore", document.get("ignore", []))),
        where=_require_text_table("where", document.get("where", {})),
        format=_require_choice("[file] format", file_table.get("format"), MAPPED_FORMATS),
        delimiter=_read_delimiter(file_table.get("delimiter")),
        encoding=_read_encoding(file_table.get("encoding", "utf-8")),
        sheet=_require_text("[file] sheet", file_table.get("sheet")),
        header_row=_read_header_row(file_table.get("header_row")),
    )


def _read_local_id(raw: object) -> MappedValue | None:
    """Return a mapping's local-ID source; None for the row's number."""
    if raw is None:
        raise _MappingFaultError(
            'local_id is missing: say local_id = {column = "…"}, {template = "…"} or {row = true}'
        )
    if raw == {"row": True}:
        return None
    value = _read_value("local_id", raw, word=False)
    if value.split is not None or value.constant is not None:
        raise _MappingFaultError("local_id: must come from a column, a template or the row")
    return value


def _read_fields(table: dict[str, object]) -> tuple[tuple[str, MappedValue], ...]:
    _require_known_keys("[fields]", table, ("full_name", "guardian_full_name", *SENT_FIELDS))
    if "local_id" in table:
        raise _MappingFaultError("[fields] local_id: say it at the top of the file, as local_id = {…}")
    return _read_values("[fields]", table, ())


def _read_list_entry(name: str, table: dict[str, object]) -> ListEntry:
    place = f"[[{name}]]"
    full_names = [key for key, parts in _FULL_NAME_PARTS.items() if parts.keys() <= {*OBJECT_KEYS[name]}]
    _require_known_keys(place, table, (*OBJECT_KEYS[name], *full_names))
    values = _read_values(place, table, _CONSTANT_KEYS.get(name, ()))
    for key, value in values:
        if value.split is not None:
            raise _MappingFaultError(f"{place} {key}: split makes a list, which has no place in one object")
        _refuse_never_ingested(f"{place} {key}", value)
    return ListEntry(name, values)


def _refuse_never_ingested(place: str, value: MappedValue) -> None:
    """Refuse a mapping to codes that the index never stores."""
    for code in (value.constant, value.codes_default, *(value.codes or {}).values()):
        topic = None if code is None else find_never_ingested_topic(code)
        if topic is not None:
            raise _MappingFaultError(
                f"{place}: {code!r} tells of {topic}, which this index never stores: ignore the column"
            )


def _read_values(
    place: str, table: dict[str, object], words: Iterable[str]
) -> tuple[tuple[str, MappedValue], ...]:
    """Return the mapped values of a TOML table, full names split."""
    values: dict[str, MappedValue] = {}
    for key, raw in table.items():
        value = _read_value(f"{place} {key}", raw, word=key in words)
        parts = _FULL_NAME_PARTS.get(key)
        if parts is None:
            values[key] = value
            continue
        for target, part in parts.items():
            if target in table:
                raise _MappingFaultError(f"{place} {key}: {target} is given as well")
            values[target] = replace(value, name_part=part)
    return tuple(values.items())


def _read_value(place: str, raw: object, *, word: bool) -> MappedValue:
    if isinstance(raw, str):
        raw = {"constant" if word else "column": raw}
    table = _require_table(place, raw)
    _require_known_keys(place, table, _VALUE_KEYS)
    if len(table.keys() & {"column", "template", "constant"}) != 1:
        raise _MappingFaultError(f"{place}: give one of column, template, constant")
    columns = table.get("column", [])
    codes = table.get("codes")
    if codes is None and "codes_default" in table:
        raise _MappingFaultError(f"{place}: codes_default is given without codes")
    return MappedValue(
        columns=tuple(_require_texts(place, [columns] if isinstance(columns, str) else columns)),
        template=_read_template(place, table.get("template")),
        constant=_require_text(f"{place} constant", table.get("constant")),
        date_formats=_read_date_formats(place, table.get("date_format", [])),
        first_year=_read_first_year(place, table.get("first_year")),
        codes=None if codes is None else _require_text_table(f"{place} codes", codes),
        codes_default=_require_text(f"{place} codes_default", table.get("codes_default")),
        split=_require_text(f"{place} split", table.get("split")),
        optional=_require_boolean(f"{place} optional", table.get("optional", False)),
    )


def _read_template(place: str, raw: object) -> str | None:
    template = _require_text(f"{place} template", raw)
    if template is not None and not PLACEHOLDER.search(template):
        raise _MappingFaultError(f"{place}: the template names no column, as in {{Column}}")
    return template


def _read_date_formats(place: str, raw: object) -> tuple[DateFormat, ...]:
    formats = []
    for template in _require_texts(f"{place} date_format", [raw] if isinstance(raw, str) else raw):
        try:
            formats.append(DateFormat.parse(template))
        except ValueError as error:
            raise _MappingFaultError(f"{place} date_format {template!r}: {error}") from None
    return tuple(formats)


def _read_first_year(place: str, raw: object) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or raw not in _FIRST_YEARS:
        raise _MappingFaultError(
            f"{place} first_year: give the earliest year that the column holds, such as 1925"
        )
    return raw


def _check_lists_against_fields(mapping: FileMapping) -> None:
    """Raise where a mapping fills a list's first entry twice."""
    fields = {name for name, _ in mapping.fields}
    for name in dict.fromkeys(entry.name for entry in mapping.lists):
        conflicting = fields & {name, *FLAT_OF_LIST.get(name, ())}
        if conflicting:
            raise _MappingFaultError(
                f"{min(conflicting)} stands under [fields] and {name} as [[{name}]]: put it into the first "
                f"[[{name}]], whose values the flat fields repeat"
            )


def _read_delimiter(raw: object) -> str | None:
    delimiter = _require_text("[file] delimiter", raw)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum()):
        raise _MappingFaultError('[file] delimiter: must be one character, such as "," or "\\t"')
    return delimiter


def _read_header_row(raw: object) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= _MAX_HEADER_ROW:
        raise _MappingFaultError(
            f"[file] header_row: give the line that names the columns, from 1 to {_MAX_HEADER_ROW}"
        )
    return raw


def _read_encoding(raw: object) -> str:
    encoding = _require_text("[file] encoding", raw)
    name = to_codec_name(encoding or "")
    if name is None:
        raise _MappingFaultError(f"[file] encoding: must be one of {', '.join(ENCODINGS.values())}")
    return name


def _require_known_keys(place: str, table: Mapping[str, object], allowed: Sequence[str]) -> None:
    unknown = sorted(table.keys() - set(allowed))
    if unknown:
        near_names = [suggest_field(name, allowed) for name in unknown]
        hint = ", ".join(repr(name) for name in near_names if name)
        raise _MappingFaultError(
            f"{place} {', '.join(map(repr, unknown))}: no such key; "
            f"{f'did you mean {hint}? ' if hint else ''}there are {', '.join(allowed)}".lstrip()
        )


def _require_table(place: str, raw: object) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise _MappingFaultError(f"{place}: must be a table")
    return cast("dict[str, object]", raw)  # TOML keys are text


def _require_tables(name: str, raw: object) -> list[dict[str, object]]:
    if not isinstance(raw, list):
        raise _MappingFaultError(f"{name}: write each entry as a table of its own, headed [[{name}]]")
    return [_require_table(f"[[{name}]]", entry) for entry in raw]


def _require_text(place: str, raw: object) -> str | None:
    if raw is not None and not isinstance(raw, str):
        raise _MappingFaultError(f"{place}: must be text")
    return raw


def _require_texts(place: str, raw: object) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise _MappingFaultError(f"{place}: must be text or a list of texts")
    return raw


def _require_text_table(place: str, raw: object) -> dict[str, str]:
    table = _require_table(place, raw)
    for key, value in table.items():
        if not isinstance(value, str):
            raise _MappingFaultError(f"{place} {key}: must be text")
    return cast("dict[str, str]", table)


def _require_boolean(place: str, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise _MappingFaultError(f"{place}: must be true or false")
    return raw


def _require_choice(place: str, raw: object, allowed: tuple[str, ...]) -> str | None:
    if raw is None or (isinstance(raw, str) and raw in allowed):
        return raw
    raise _MappingFaultError(f"{place}: must be one of {', '.join(allowed)}")
