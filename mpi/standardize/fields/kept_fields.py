"""Reduction of a record to the fields that may be compared."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.record_shape import FLAT_COLUMNS, ITEM_KINDS

_SENT_FIELDS_BY_TOKEN = {"ssn_token": ("ssn",), "ssn_last4_token": ("ssn", "ssn_last4")}
_QUALIFIERS = frozenset({"local_id", "birth_date_quality", "restrictions", "as_of"})
"""Fields that are no evidence.

They name or date the record, or take evidence away.
"""
_entry_makers: Mapping[str, Callable[..., object]] = ITEM_KINDS


def keep_fields(record: CanonicalRecord, fields: Collection[str]) -> CanonicalRecord:
    """Return a record with only some of its fields.

    Where a list, such as ``addresses``, is not among the fields, its first entry keeps the flat columns that
    are, such as ``city``.

    Args:
        record: the record.
        fields: canonical fields to keep, as sent.
    """
    kept: dict[str, Any] = {
        name: getattr(record, name) for name in CanonicalRecord._fields if _is_kept(name, fields)
    }
    for name in FLAT_COLUMNS:
        if name not in fields:
            kept[name] = _keep_first_entry(getattr(record, name), name, fields)
    return CanonicalRecord(**kept)


def _is_kept(name: str, fields: Collection[str]) -> bool:
    sent_fields = _SENT_FIELDS_BY_TOKEN.get(name, (name,))
    return name in _QUALIFIERS or any(field in fields for field in sent_fields)


def _keep_first_entry(entries: tuple[Any, ...], name: str, fields: Collection[str]) -> tuple[Any, ...]:
    """Return a list's first entry with the permitted flat columns, if any."""
    if not entries:
        return ()
    columns = {column: getattr(entries[0], column) for column in FLAT_COLUMNS[name] if column in fields}
    return (_entry_makers[name](**columns),) if any(columns.values()) else ()
