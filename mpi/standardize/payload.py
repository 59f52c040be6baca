"""Records and features as bytes: what the store keeps, hashes and hands back."""

import hashlib
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import orjson

from mpi.domain.errors import StoreError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.record_shape import FLAT_COLUMNS, ITEM_COLUMNS, ITEM_KINDS, SCALAR_LISTS

_TOKEN_FIELDS = frozenset(("ssn_token", "ssn_last4_token"))
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
    """The record as compact JSON, keys in byte order, missing values left out.

    Equal records have equal payloads.
    """
    return orjson.dumps(_to_json_object(record))


def record_from_bytes(data: bytes) -> CanonicalRecord:
    """The record of a payload that ``record_to_bytes`` made.

    Raises:
        StoreError: the bytes are no such payload.
    """
    record = _parse_record(data)
    if record is None:
        raise StoreError("a stored record cannot be read: restore the database from a backup")
    return record


def compute_content_hash(record: CanonicalRecord) -> str:
    """32 hexadecimal digits that are equal for two records that state the same, whenever stated."""
    return to_payload_and_hash(record)[1]


def to_payload_and_hash(record: CanonicalRecord) -> tuple[bytes, str]:
    """``record_to_bytes`` and ``compute_content_hash`` at once."""
    stated = _to_json_object(record)
    payload = orjson.dumps(stated)
    stated.pop("as_of", None)
    return payload, hashlib.blake2b(orjson.dumps(stated), digest_size=_HASH_BYTES).hexdigest()


def to_canonical_fields(record: CanonicalRecord) -> dict[str, object]:
    """The record as a reader sees it: canonical fields, flat columns filled, no tokens.

    Sent again, it is the same record but for the SSN.
    """
    sent = {name: value for name, value in _to_json_object(record).items() if name not in _TOKEN_FIELDS}
    for name, columns in FLAT_COLUMNS.items():
        items = getattr(record, name)
        for column in columns:
            value = getattr(items[0], column) if items else None
            if value is not None:
                sent[column] = value
    return sent


def features_to_bytes(features: Features) -> bytes:
    """The features as a JSON array in the order of ``FEATURE_COLUMNS``."""
    return orjson.dumps(_feature_values(features))


def have_same_given_name(data: bytes, other: bytes) -> bool:
    """Whether features that ``features_to_bytes`` wrote are seen to have the same given name.

    It is their first column: nothing else is read. Where there is none, or one with a quotation mark, it is
    not seen.
    """
    name, end, _ = data.partition(b'",')
    return name.startswith(b'["') and not name.endswith(b"\\") and other.startswith(name + end)


def features_from_bytes(data: bytes) -> Features:
    """The features that ``features_to_bytes`` wrote; on the hot path, so nothing is checked.

    Columns are only ever added at the end: what an earlier version stored has them missing.
    """
    values = orjson.loads(data)
    values += _MISSING_VALUES[len(values) :]
    for position in _LIST_POSITIONS:
        values[position] = tuple(values[position])
    return Features(*values)


def _to_json_object(record: CanonicalRecord) -> dict[str, Any]:
    """What the record states, as JSON has it; keys sorted, missing values left out."""
    values = zip(_RECORD_COLUMNS, _record_values(record), strict=True)
    stated = {name: value for name, value in values if value is not None and value != ()}
    for name in ITEM_KINDS:
        if name in stated:
            stated[name] = [_item_to_json_object(item) for item in stated[name]]
    return stated


def _item_to_json_object(item: Any) -> dict[str, Any]:  # noqa: ANN401 - one of eight named tuples
    kind = type(item)
    values = zip(_ITEM_COLUMNS[kind], _item_values[kind](item), strict=True)
    return {name: value for name, value in values if value is not None}


def _parse_record(data: bytes) -> CanonicalRecord | None:
    # The caller raises, outside the handler: a chained exception would carry the record's text.
    try:
        stated = orjson.loads(data)
        for name in SCALAR_LISTS:
            if name in stated:
                stated[name] = tuple(stated[name])
        for name, made in _item_makers.items():
            if name in stated:
                stated[name] = tuple([made(**item) for item in stated[name]])
        return CanonicalRecord(**stated)
    except (ValueError, TypeError, AttributeError):
        return None
