"""Records and features as bytes: what the store keeps, hashes and hands back."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from mpi.domain.errors import StoreError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.domain.record import (
    Address,
    CanonicalRecord,
    Enrollment,
    Flag,
    Guardian,
    Identifier,
    OtherName,
    Placement,
    Restriction,
)
from mpi.standardize.lists import column_names

_ITEM_KINDS: Mapping[str, type] = {
    "other_names": OtherName,
    "identifiers": Identifier,
    "addresses": Address,
    "guardians": Guardian,
    "enrollments": Enrollment,
    "placements": Placement,
    "flags": Flag,
    "restrictions": Restriction,
}
_SCALAR_LISTS = frozenset(("previous_birth_dates", "household_ids", "race"))
_TOKENS = frozenset(("ssn_token", "ssn_last4_token"))
_FLAT = {
    "addresses": ("address_line1", "address_line2", "city", "state", "postal_code", "county"),
    "guardians": ("guardian_first_name", "guardian_last_name", "guardian_relationship"),
    "enrollments": ("school_id", "district_id", "grade", "entry_date", "exit_date"),
}
_RECORD_COLUMNS = tuple(sorted(column_names(CanonicalRecord)))
_ITEM_COLUMNS = {kind: tuple(sorted(column_names(kind))) for kind in _ITEM_KINDS.values()}
_HASH_BYTES = 16

_LIST_POSITIONS = tuple(position for position, name in enumerate(FEATURE_COLUMNS) if name in LIST_COLUMNS)


def to_payload(record: CanonicalRecord) -> bytes:
    """The record as compact JSON, keys in byte order, missing values left out.

    Equal records have equal payloads.
    """
    return orjson.dumps(_stated(record))


def from_payload(data: bytes) -> CanonicalRecord:
    """The record of a payload that ``to_payload`` made.

    Raises:
        StoreError: the bytes are no such payload.
    """
    stated = _decoded(data)
    if isinstance(stated, dict) and stated.keys() <= _KNOWN_COLUMNS and "local_id" in stated:
        for name in _SCALAR_LISTS & stated.keys():
            stated[name] = tuple(stated[name])
        for name in _ITEM_KINDS.keys() & stated.keys():
            kind = _ITEM_KINDS[name]
            stated[name] = tuple(kind(**item) for item in stated[name])
        return CanonicalRecord(**stated)
    raise StoreError("a stored record cannot be read: restore the database from a backup")


_KNOWN_COLUMNS = frozenset(_RECORD_COLUMNS)


def content_hash(record: CanonicalRecord) -> str:
    """32 hexadecimal digits that are equal for two records that state the same, whenever stated."""
    stated = _stated(record)
    stated.pop("as_of", None)
    return hashlib.blake2b(orjson.dumps(stated), digest_size=_HASH_BYTES).hexdigest()


def to_sent(record: CanonicalRecord) -> dict[str, object]:
    """The record as a reader sees it: canonical fields, flat columns filled, no tokens.

    Sent again, it is the same record but for the SSN.
    """
    sent = {name: value for name, value in _stated(record).items() if name not in _TOKENS}
    for name, columns in _FLAT.items():
        items = getattr(record, name)
        for column in columns:
            value = getattr(items[0], column) if items else None
            if value is not None:
                sent[column] = value
    return sent


def features_to_bytes(features: Features) -> bytes:
    """The features as a JSON array in the order of ``FEATURE_COLUMNS``."""
    return orjson.dumps([getattr(features, name) for name in FEATURE_COLUMNS])


def features_from_bytes(data: bytes) -> Features:
    """The features that ``features_to_bytes`` wrote; on the hot path, so nothing is checked."""
    values = orjson.loads(data)
    for position in _LIST_POSITIONS:
        values[position] = tuple(values[position])
    return Features(*values)


def _stated(record: CanonicalRecord) -> dict[str, Any]:
    """What the record states, as JSON has it; keys sorted, missing values left out."""
    stated: dict[str, Any] = {}
    for name in _RECORD_COLUMNS:
        value = getattr(record, name)
        if value is None or value == ():
            continue
        if name in _ITEM_KINDS:
            value = [_stated_item(item) for item in value]
        stated[name] = value
    return stated


def _stated_item(item: Any) -> dict[str, Any]:  # noqa: ANN401 - one of eight dataclasses
    values = ((name, getattr(item, name)) for name in _ITEM_COLUMNS[type(item)])
    return {name: value for name, value in values if value is not None}


def _decoded(data: bytes) -> Any:  # noqa: ANN401 - JSON
    # Apart, so that no error is chained to one that carries the text.
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
