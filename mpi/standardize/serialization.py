"""Serialization of records and features to bytes, and content hashes."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

import orjson

from mpi.domain.errors import StoreError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.record_shape import FLAT_COLUMNS, ITEM_COLUMNS, ITEM_KINDS, SCALAR_LISTS

_TOKEN_FIELDS = frozenset(("ssn_token", "ssn_last4_token", "linkage_tokens"))
_RECORD_COLUMNS = tuple(sorted(CanonicalRecord._fields))
_ITEM_COLUMNS = {kind: tuple(sorted(ITEM_COLUMNS[field])) for field, kind in ITEM_KINDS.items()}
# Thrice as quick as one attribute after another, and each record has 33.
_record_values = attrgetter(*_RECORD_COLUMNS)
_item_values = {kind: attrgetter(*columns) for kind, columns in _ITEM_COLUMNS.items()}
_item_makers: Mapping[str, Callable[..., object]] = ITEM_KINDS
_feature_values = attrgetter(*FEATURE_COLUMNS)
_HASH_BYTES = 16

_MISSING_VALUES: list[Any] = [() if name in LIST_COLUMNS else None for name in FEATURE_COLUMNS]
_LIST_POSITIONS = tuple(position for position, name in enumerate(FEATURE_COLUMNS) if name in LIST_COLUMNS)


def record_to_bytes(record: CanonicalRecord) -> bytes:
    """Serialize a record as compact JSON.

    Keys are in byte order and missing values left out, so that equal records have equal bytes.
    """
    return orjson.dumps(_to_json_object(record))


def record_from_bytes(data: bytes, fields: Collection[str] | None = None) -> CanonicalRecord:
    """Deserialize a record that ``record_to_bytes`` wrote.

    Args:
        data: the bytes.
        fields: names of the fields that the caller reads; the others are missing then. Making a whole record
            takes five times as long as reading its JSON. None for all.

    Raises:
        StoreError: the bytes are no such record.
    """
    record = _parse_record(data, fields)
    if record is None:
        raise StoreError("a stored record cannot be read: restore the database from a backup")
    return record


def compute_content_hash(record: CanonicalRecord) -> str:
    """Return a hash of a record's content, its date left out.

    Returns:
        32 hexadecimal digits, equal for two records that state the same, whenever stated.
    """
    return to_payload_and_hash(record)[1]


def to_payload_and_hash(record: CanonicalRecord) -> tuple[bytes, str]:
    """Return a record's serialized bytes and the hash of its content.

    The hash leaves out the as-of date. The record's fields are read only once for both.
    """
    json_object = _to_json_object(record)
    payload = orjson.dumps(json_object)
    json_object.pop("as_of", None)
    return payload, hashlib.blake2b(orjson.dumps(json_object), digest_size=_HASH_BYTES).hexdigest()


def to_canonical_fields(record: CanonicalRecord) -> dict[str, object]:
    """Return a record's canonical fields as readers see them, without tokens.

    The flat columns are filled from the lists. Sent again, it is the same record but for the SSN and the
    linkage tokens.
    """
    fields = {name: value for name, value in _to_json_object(record).items() if name not in _TOKEN_FIELDS}
    for name, columns in FLAT_COLUMNS.items():
        items = getattr(record, name)
        for column in columns:
            value = getattr(items[0], column) if items else None
            if value is not None:
                fields[column] = value
    return fields


def features_to_bytes(features: Features) -> bytes:
    """Serialize a record's features as a JSON array in ``FEATURE_COLUMNS`` order."""
    return orjson.dumps(_feature_values(features))


def have_same_given_name(data: bytes, other: bytes) -> bool:
    """Return whether two records' serialized features have one given name.

    The given name is the first column: nothing else is read. The answer is False where there is none, or
    one with a quotation mark.

    Args:
        data: bytes that ``features_to_bytes`` wrote.
        other: likewise.
    """
    name, end, _ = data.partition(b'",')
    return name.startswith(b'["') and not name.endswith(b"\\") and other.startswith(name + end)


def features_from_bytes(data: bytes) -> Features:
    """Deserialize a record's features; nothing is checked, for speed.

    Columns are only ever added at the end: features that an earlier version stored have them missing.
    """
    values = orjson.loads(data)
    values += _MISSING_VALUES[len(values) :]
    for position in _LIST_POSITIONS:
        values[position] = tuple(values[position])
    return Features(*values)


def _to_json_object(record: CanonicalRecord) -> dict[str, Any]:
    """Return a record's JSON object: keys sorted, missing values left out."""
    values = zip(_RECORD_COLUMNS, _record_values(record), strict=True)
    json_object = {name: value for name, value in values if value is not None and value != ()}
    for name in ITEM_KINDS:
        if name in json_object:
            json_object[name] = [_item_to_json_object(item) for item in json_object[name]]
    return json_object


def _item_to_json_object(item: Any) -> dict[str, Any]:  # noqa: ANN401 - one of eight named tuples
    """Return the JSON object of an entry of a record's list field."""
    kind = type(item)
    values = zip(_ITEM_COLUMNS[kind], _item_values[kind](item), strict=True)
    return {name: value for name, value in values if value is not None}


def _parse_record(data: bytes, fields: Collection[str] | None = None) -> CanonicalRecord | None:
    """Parse a record's JSON; None where it is no record."""
    # The caller raises, outside the handler: a chained exception would carry the record's text.
    try:
        json_object = orjson.loads(data)
        if fields is not None:
            kept = {name: json_object[name] for name in fields if name in json_object}
            json_object = {**kept, "local_id": json_object["local_id"]}
        for name in SCALAR_LISTS:
            if name in json_object:
                json_object[name] = tuple(json_object[name])
        for name, make_item in _item_makers.items():
            if name in json_object:
                json_object[name] = tuple([make_item(**item) for item in json_object[name]])
        return CanonicalRecord(**json_object)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
