"""Reads mapping files, strictly: a word that means nothing is an error, with its place.

The language is documented, with examples, in docs/reference/mappings.md.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import cast

from mpi.domain.errors import MappingError
from mpi.domain.record import SENT_FIELDS
from mpi.intake.cell_conversion import DateFormat
from mpi.intake.encoding import ENCODINGS, codec_name
from mpi.intake.mapping_types import (
    FLAT_OF_LIST,
    OBJECT_KEYS,
    PLACEHOLDER,
    FileMapping,
    ListEntry,
    Value,
    canonical_mapping,
)

__all__ = ["FileMapping", "canonical_mapping", "load_mapping", "shipped_mappings"]

MAPPED_FORMATS = ("csv", "parquet", "ndjson")
"""Formats whose columns are the sender's own; the XML formats have one meaning and no mapping."""

_TOP = ("description", "file", "local_id", "where", "ignore", "fields", *OBJECT_KEYS)
_VALUE_KEYS = (
    "column", "template", "constant", "date_format", "codes", "codes_default", "split", "optional",
)  # fmt: skip
_WORDS = {
    "identifiers": ("system", "assigner"),
    "flags": ("population", "definition", "asserted_by"),
    "restrictions": ("kind",),
    "other_names": ("type",),
    "addresses": ("type",),
}
"""Keys whose bare text is a word of the canonical record, not a column."""

_FULL_NAMES = {
    "full_name": {"first_name": 0, "middle_name": 1, "last_name": 2},
    "guardian_full_name": {"guardian_first_name": 0, "guardian_last_name": 2},
}
"""Names in one cell: the fields that their parts become."""


def shipped_mappings() -> list[str]:
    """Names of the mappings that come with the index."""
    folder = files("mpi.intake") / "mappings"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return sorted(name.removesuffix(".toml") for name in names)


def load_mapping(source: Path | str) -> FileMapping:
    """Read a mapping.

    Args:
        source: a TOML file, or the name of a shipped mapping.

    Raises:
        MappingError: there is none, or it is wrong; the message says where.
    """
    path = Path(source)
    try:
        if str(source) in shipped_mappings():
            entry = files("mpi.intake") / "mappings" / f"{source}.toml"
            document = tomllib.loads(entry.read_text(encoding="utf-8"))
        else:
            document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise MappingError(
            f"mapping {path.name}: cannot be opened: {error.strerror}; shipped mappings: "
            f"{', '.join(shipped_mappings())}"
        ) from error
    except UnicodeDecodeError as error:
        raise MappingError(f"mapping {path.name}: it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"mapping {path.name}: not TOML: {error}") from error
    try:
        return _mapping(path.stem, document)
    except _Wrong as wrong:
        raise MappingError(f"mapping {path.name}: {wrong}") from None


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """A fault with its place in the document, before the file's name is put to it."""


def _mapping(stem: str, document: dict[str, object]) -> FileMapping:
    _only("", document, _TOP)
    about = _table("[file]", document.get("file", {}))
    _only("[file]", about, ("format", "delimiter", "encoding"))
    lists = tuple(
        _entry(name, entry) for name in OBJECT_KEYS for entry in _tables(name, document.get(name, []))
    )
    mapping = FileMapping(
        name=f"mapping {stem}",
        local_id=_local_id(document.get("local_id")),
        fields=_fields(_table("[fields]", document.get("fields", {}))),
        lists=lists,
        ignore=frozenset(_texts("ignore", document.get("ignore", []))),
        where=_text_table("where", document.get("where", {})),
        format=_one_of("[file] format", about.get("format"), MAPPED_FORMATS),
        delimiter=_delimiter(about.get("delimiter")),
        encoding=_encoding(about.get("encoding", "utf-8")),
    )
    _check_lists_against_fields(mapping)
    return mapping


def _local_id(raw: object) -> Value | None:
    """The local ID's value; None for the row's number."""
    if raw is None:
        raise _Wrong('local_id is missing: say local_id = {column = "…"}, {template = "…"} or {row = true}')
    if raw == {"row": True}:
        return None
    value = _value("local_id", raw, word=False)
    if value.split is not None or value.constant is not None:
        raise _Wrong("local_id: must come from a column, a template or the row")
    return value


def _fields(table: dict[str, object]) -> tuple[tuple[str, Value], ...]:
    _only("[fields]", table, ("full_name", "guardian_full_name", *SENT_FIELDS))
    if "local_id" in table:
        raise _Wrong("[fields] local_id: say it at the top of the file, as local_id = {…}")
    return _unfolded("[fields]", table, ())


def _entry(name: str, table: dict[str, object]) -> ListEntry:
    place = f"[[{name}]]"
    full_names = [key for key, parts in _FULL_NAMES.items() if parts.keys() <= {*OBJECT_KEYS[name]}]
    _only(place, table, (*OBJECT_KEYS[name], *full_names))
    values = _unfolded(place, table, _WORDS.get(name, ()))
    for key, value in values:
        if value.split is not None:
            raise _Wrong(f"{place} {key}: split makes a list, which has no place in one object")
    return ListEntry(name, values)


def _unfolded(place: str, table: dict[str, object], words: Iterable[str]) -> tuple[tuple[str, Value], ...]:
    """The values of a table, names in one cell as first and last name."""
    values: dict[str, Value] = {}
    for key, raw in table.items():
        value = _value(f"{place} {key}", raw, word=key in words)
        parts = _FULL_NAMES.get(key)
        if parts is None:
            values[key] = value
            continue
        for target, part in parts.items():
            if target in table:
                raise _Wrong(f"{place} {key}: {target} is given as well")
            values[target] = replace(value, name_part=part)
    return tuple(values.items())


def _value(place: str, raw: object, *, word: bool) -> Value:
    if isinstance(raw, str):
        raw = {"constant" if word else "column": raw}
    table = _table(place, raw)
    _only(place, table, _VALUE_KEYS)
    if len(table.keys() & {"column", "template", "constant"}) != 1:
        raise _Wrong(f"{place}: give one of column, template, constant")
    columns = table.get("column", [])
    codes = table.get("codes")
    if codes is None and "codes_default" in table:
        raise _Wrong(f"{place}: codes_default is given without codes")
    return Value(
        columns=tuple(_texts(place, [columns] if isinstance(columns, str) else columns)),
        template=_template(place, table.get("template")),
        constant=_text(f"{place} constant", table.get("constant")),
        date_formats=_date_formats(place, table.get("date_format", [])),
        codes=None if codes is None else _text_table(f"{place} codes", codes),
        codes_default=_text(f"{place} codes_default", table.get("codes_default")),
        split=_text(f"{place} split", table.get("split")),
        optional=_flag(f"{place} optional", table.get("optional", False)),
    )


def _template(place: str, raw: object) -> str | None:
    template = _text(f"{place} template", raw)
    if template is not None and not PLACEHOLDER.search(template):
        raise _Wrong(f"{place}: the template names no column, as in {{Column}}")
    return template


def _date_formats(place: str, raw: object) -> tuple[DateFormat, ...]:
    found = []
    for template in _texts(f"{place} date_format", [raw] if isinstance(raw, str) else raw):
        try:
            found.append(DateFormat.parse(template))
        except ValueError as error:
            raise _Wrong(f"{place} date_format {template!r}: {error}") from None
    return tuple(found)


def _check_lists_against_fields(mapping: FileMapping) -> None:
    fields = {name for name, _ in mapping.fields}
    for name in dict.fromkeys(entry.name for entry in mapping.lists):
        both = fields & {name, *FLAT_OF_LIST.get(name, ())}
        if both:
            raise _Wrong(
                f"{min(both)} stands under [fields] and {name} as [[{name}]]: put it into the first "
                f"[[{name}]], whose values the flat fields repeat"
            )


def _delimiter(raw: object) -> str | None:
    delimiter = _text("[file] delimiter", raw)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum()):
        raise _Wrong('[file] delimiter: must be one character, such as "," or "\\t"')
    return delimiter


def _encoding(raw: object) -> str:
    encoding = _text("[file] encoding", raw)
    name = codec_name(encoding or "")
    if name is None:
        raise _Wrong(f"[file] encoding: must be one of {', '.join(ENCODINGS.values())}")
    return name


def _only(place: str, table: Mapping[str, object], allowed: Iterable[str]) -> None:
    unknown = sorted(table.keys() - set(allowed))
    if unknown:
        raise _Wrong(
            f"{place} {', '.join(map(repr, unknown))}: no such key; there are {', '.join(allowed)}".lstrip()
        )


def _table(place: str, raw: object) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise _Wrong(f"{place}: must be a table")
    return cast("dict[str, object]", raw)  # TOML keys are text


def _tables(name: str, raw: object) -> list[dict[str, object]]:
    if not isinstance(raw, list):
        raise _Wrong(f"{name}: write each entry as a table of its own, headed [[{name}]]")
    return [_table(f"[[{name}]]", entry) for entry in raw]


def _text(place: str, raw: object) -> str | None:
    if raw is not None and not isinstance(raw, str):
        raise _Wrong(f"{place}: must be text")
    return raw


def _texts(place: str, raw: object) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise _Wrong(f"{place}: must be text or a list of texts")
    return raw


def _text_table(place: str, raw: object) -> dict[str, str]:
    table = _table(place, raw)
    for key, value in table.items():
        if not isinstance(value, str):
            raise _Wrong(f"{place} {key}: must be text")
    return cast("dict[str, str]", table)


def _flag(place: str, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise _Wrong(f"{place}: must be true or false")
    return raw


def _one_of(place: str, raw: object, allowed: tuple[str, ...]) -> str | None:
    if raw is None or (isinstance(raw, str) and raw in allowed):
        return raw
    raise _Wrong(f"{place}: must be one of {', '.join(allowed)}")
