"""Values of one record that rights cases read."""

import orjson

from mpi.domain.errors import NotFoundError
from mpi.domain.record import CanonicalRecord
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_nameable_records
from mpi.standardize.fields.dates import to_birth_day
from mpi.standardize.fields.scalars import parse_local_id
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def require_record(unit: ReadUnit, source: Source, local_id: str) -> int:
    """Return the number of a record that the viewer may name.

    Raises:
        RecordError: the local ID is invalid.
        NotFoundError: it does not exist for the viewer, or is sealed. The message does not tell which.
    """
    cleaned = parse_local_id(local_id)
    records = find_nameable_records(unit, source.id, [cleaned])
    if cleaned not in records:
        raise NotFoundError(f"source {source.code!r} has no such record that you may name")
    return records[cleaned].id


def read_record(unit: ReadUnit, record_id: int) -> CanonicalRecord | None:
    """Return what a record states; None where nothing is in force."""
    payloads = unit.record_versions.payloads([record_id])
    return record_from_bytes(payloads[record_id][1]) if record_id in payloads else None


def find_birth_day(record: CanonicalRecord | None) -> str | None:
    """Return a record's whole birth date (ISO), or None."""
    return None if record is None else to_birth_day(record.birth_date)


def make_value_token(unit: ReadUnit, index: Index, record_id: int, field: str) -> str:
    """Return a keyed hash that tells whether a value changed."""
    record = read_record(unit, record_id)
    value = None if record is None else to_canonical_fields(record).get(field)
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return index.keyed_hash.to_token("amendment", f"{record_id}|{field}|{text}")
