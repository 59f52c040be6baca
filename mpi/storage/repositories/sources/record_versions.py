"""Repository of the versions of source records, with their flags."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, exists, func, literal_column, select, update

from mpi.storage.driver.bulk_rows import execute_many, insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.repositories.sources.records import IS_ACTIVE, Records
from mpi.storage.tables import (
    AnyRow,
    CarePeriodRow,
    EnrollmentPeriodRow,
    FlagRow,
    RecordRow,
    RecordVersionRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_flag = table_of(FlagRow)
_care_period = table_of(CarePeriodRow)
_enrollment_period = table_of(EnrollmentPeriodRow)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a source record's content, as its source stated it."""

    id: int
    record_id: int
    as_of: str
    received_commit: int
    state: str
    payload: bytes
    issues: str = "[]"


class ActiveVersion(NamedTuple):
    """The content of a record now, with its as-of date and load."""

    record_id: int
    source_id: int
    as_of: str
    received_commit: int
    batch_id: int | None
    issues: str
    payload: bytes


_ALL_OVERLAYS = select(_version.c.record_id, _version.c.id).where(
    _version.c.state == literal_column("'overlay'")
)
_OVERLAYS = _ALL_OVERLAYS.where(is_in(_version.c.record_id, "ids"))
_PAYLOADS = (
    select(
        _record.c.id,
        _record.c.source_id,
        _version.c.id.label("version_id"),
        _version.c.payload,
        _record.c.carried_restrictions,
        _record.c.data_key,
    )
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), IS_ACTIVE)
)
_WITH_VERSION = (
    select(_record.c.id)
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), IS_ACTIVE)
)
_ACTIVE_VERSIONS = (
    select(
        _record.c.id,
        _record.c.source_id,
        _version.c.as_of,
        _version.c.received_commit,
        _version.c.batch_id,
        _version.c.issues,
        _version.c.id.label("version_id"),
        _version.c.payload,
        _record.c.carried_restrictions,
        _record.c.data_key,
    )
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), IS_ACTIVE)
)
_VERSIONS_WITH_KEY = select(_version, _record.c.data_key).join(_record, _record.c.id == _version.c.record_id)
_VERSIONS_OF_RECORD = _VERSIONS_WITH_KEY.where(_version.c.record_id == bindparam("record")).order_by(
    _version.c.as_of, _version.c.received_commit, _version.c.id
)
_VERSIONS_OF_RECORDS = _VERSIONS_WITH_KEY.where(is_in(_version.c.record_id, "ids")).order_by(
    _version.c.record_id, _version.c.as_of, _version.c.received_commit, _version.c.id
)
_PAYLOADS_OF_VERSIONS = (
    select(_version.c.id, _version.c.record_id, _version.c.payload, _record.c.data_key)
    .join(_record, _record.c.id == _version.c.record_id)
    .where(is_in(_version.c.id, "ids"))
)
_DATA_KEYS = select(_record.c.id, _record.c.data_key).where(is_in(_record.c.id, "ids"))
_SET_DATA_KEY = (
    update(_record).where(_record.c.id == bindparam("record")).values(data_key=bindparam("wrapped"))
)
_SUPERSEDE_VERSION = (
    update(_version)
    .where(_version.c.id == bindparam("version"))
    .values(state="superseded", ended_commit=bindparam("ended"))
)
_FLAGS = (
    select(_record.c.id.label("record_id"), _version.c.as_of, _flag)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_flag, _flag.c.version_id == _version.c.id)
    .where(is_in(_record.c.id, "ids"), IS_ACTIVE)
    .order_by(_record.c.canonical_key, _flag.c.seq)
)


def add_restrictions(payload: bytes, carried_restrictions: str | None) -> bytes:
    """Return a record's content with restrictions that stay in force."""
    if carried_restrictions is None:
        return payload
    members = orjson.loads(payload)
    members["restrictions"] = [*members.get("restrictions", ()), *orjson.loads(carried_restrictions)]
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


class RecordVersions:
    """Repository of the versions of source records: what their sources stated.

    Payloads are encrypted on the way into the database and decrypted on the way out.

    Args:
        connection: connection with an open transaction.
        records: the records of the same unit, whose data keys are read once for both.
    """

    def __init__(self, connection: Connection, records: Records) -> None:
        self._connection = connection
        self._cipher = records.cipher

    def payloads(self, record_ids: Collection[int]) -> dict[int, tuple[int, bytes]]:
        """Return the source number and present content of active records.

        The content includes the restrictions of earlier versions that stay in force.
        """
        payloads = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_PAYLOADS, {"ids": chunk}):
                payload = self._cipher.decrypt(row.id, row.version_id, row.data_key, row.payload)
                content = add_restrictions(payload, row.carried_restrictions)
                payloads[row.id] = (row.source_id, content)
        return payloads

    def with_version(self, record_ids: Collection[int]) -> set[int]:
        """Return those of the records that are active and have a version."""
        numbers: set[int] = set()
        for chunk in iter_chunks(record_ids):
            numbers.update(row.id for row in self._connection.execute(_WITH_VERSION, {"ids": chunk}))
        return numbers

    def active_versions(self, record_ids: Collection[int]) -> dict[int, ActiveVersion]:
        """Return the present content of active records among those given.

        The content includes the restrictions of earlier versions that stay in force.
        """
        versions = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_ACTIVE_VERSIONS, {"ids": chunk}):
                payload = self._cipher.decrypt(row.id, row.version_id, row.data_key, row.payload)
                versions[row.id] = ActiveVersion(
                    record_id=row.id,
                    source_id=row.source_id,
                    as_of=row.as_of,
                    received_commit=row.received_commit,
                    batch_id=row.batch_id,
                    issues=row.issues,
                    payload=add_restrictions(payload, row.carried_restrictions),
                )
        return versions

    def as_of(self, version_ids: Collection[int]) -> dict[int, str]:
        """Return the as-of dates of record versions."""
        dates = {}
        for chunk in iter_chunks(version_ids):
            rows = self._connection.execute(
                select(_version.c.id, _version.c.as_of).where(is_in(_version.c.id, chunk))
            )
            dates.update({row.id: row.as_of for row in rows})
        return dates

    def payloads_of_versions(self, version_ids: Collection[int]) -> dict[int, bytes]:
        """Return the serialized content of record versions."""
        payloads = {}
        for chunk in iter_chunks(version_ids):
            for row in self._connection.execute(_PAYLOADS_OF_VERSIONS, {"ids": chunk}):
                payloads[row.id] = self._cipher.decrypt(row.record_id, row.id, row.data_key, row.payload)
        return payloads

    def versions(self, record_id: int) -> list[StoredVersion]:
        """Return every version of a record, oldest as-of date first."""
        rows = self._connection.execute(_VERSIONS_OF_RECORD, {"record": record_id})
        return [self._to_version(row) for row in rows]

    def versions_of_records(self, record_ids: Collection[int]) -> dict[int, list[StoredVersion]]:
        """Return every version of each record, oldest as-of date first."""
        versions: dict[int, list[StoredVersion]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_VERSIONS_OF_RECORDS, {"ids": chunk}):
                versions.setdefault(row.record_id, []).append(self._to_version(row))
        return versions

    def find_version(self, record_id: int, as_of: str, content_hash: str) -> int | None:
        """Return a record's version with given content and as-of date, or None."""
        version_id = self._connection.execute(
            select(func.max(_version.c.id)).where(
                _version.c.record_id == record_id,
                _version.c.as_of == as_of,
                _version.c.content_hash == content_hash,
                _version.c.state.not_in(("held", "overlay", "refused")),
            )
        ).scalar()
        return None if version_id is None else int(version_id)

    def open_overlays(self, record_ids: Collection[int] | None) -> dict[int, set[int]]:
        """Return unanswered overlay versions, by record.

        An overlay would make the record another child; it has no effect until a person answers.

        Args:
            record_ids: the records; None for all.
        """
        overlays: dict[int, set[int]] = {}
        if record_ids is None:
            for row in self._connection.execute(_ALL_OVERLAYS):
                overlays.setdefault(row.record_id, set()).add(row.id)
            return overlays
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_OVERLAYS, {"ids": chunk}):
                overlays.setdefault(row.record_id, set()).add(row.id)
        return overlays

    def prefetch_open_overlays(self, record_ids: Collection[int]) -> None:
        """Send the query of ``open_overlays`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _OVERLAYS, {"ids": chunk})

    def refused_hashes(self, record_ids: Collection[int]) -> dict[int, dict[int, str]]:
        """Return content hashes of versions that people refused, by record."""
        hashes: dict[int, dict[int, str]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_version.c.record_id, _version.c.id, _version.c.content_hash).where(
                    is_in(_version.c.record_id, chunk), _version.c.state == "refused"
                )
            )
            for row in rows:
                hashes.setdefault(row.record_id, {})[row.id] = row.content_hash
        return hashes

    def flags(self, record_ids: Collection[int]) -> list[AnyRow]:
        """Return the special-population flags of records' active versions."""
        flags: list[AnyRow] = []
        for chunk in iter_chunks(record_ids):
            flags += self._connection.execute(_FLAGS, {"ids": chunk}).all()
        return flags

    def insert_versions(self, rows: list[dict[str, Any]]) -> None:
        """Add versions of source records, whose records are stored already."""
        if rows and self._cipher.encrypts:
            self._ensure_data_keys({row["record_id"] for row in rows})
            encrypt = self._cipher.encrypt
            rows = [{**row, "payload": encrypt(row["record_id"], row["id"], row["payload"])} for row in rows]
        insert_rows(self._connection, _version, rows)

    def _ensure_data_keys(self, record_ids: Collection[int]) -> None:
        """Read the data keys of records, and make those that are missing."""
        for chunk in iter_chunks(self._cipher.unknown(record_ids)):
            for row in self._connection.execute(_DATA_KEYS, {"ids": chunk}):
                self._cipher.remember(row.id, row.data_key)
        execute_many(
            self._connection,
            _SET_DATA_KEY,
            [
                {"record": record_id, "wrapped": self._cipher.make_key(record_id)}
                for record_id in self._cipher.without_key(record_ids)
            ],
        )

    def insert_flags(self, rows: list[dict[str, Any]]) -> None:
        """Add special-population flags of new record versions."""
        insert_rows(self._connection, _flag, rows)

    def insert_periods(self, care: list[dict[str, Any]], enrollments: list[dict[str, Any]]) -> None:
        """Add days in care and in school that new record versions state."""
        insert_rows(self._connection, _care_period, care)
        insert_rows(self._connection, _enrollment_period, enrollments)

    def set_version_state(self, version_ids: Collection[int], state: str) -> None:
        """Set the state of record versions that are not active."""
        execute_many(
            self._connection,
            update(_version).where(_version.c.id == bindparam("version")).values(state=state),
            [{"version": version} for version in version_ids],
        )

    def release_held_versions(self, source_id: int) -> set[int]:
        """Turn a source's held versions into overlays; return their records.

        An overlay is a version that would make its record another child, and waits for a person's answer.
        """
        record_query = select(_record.c.id).where(_record.c.source_id == source_id)
        is_held = (_version.c.state == "held") & _version.c.record_id.in_(record_query)
        record_ids = {row[0] for row in self._connection.execute(select(_version.c.record_id).where(is_held))}
        self._connection.execute(update(_version).where(is_held).values(state="overlay"))
        return record_ids

    def revive_versions(self, version_ids: Collection[int]) -> None:
        """Mark record versions as active again."""
        execute_many(
            self._connection,
            update(_version)
            .where(_version.c.id == bindparam("version"))
            .values(state="active", ended_commit=None),
            [{"version": version} for version in version_ids],
        )

    def mark_undone(self, batch_id: int, record_ids: Collection[int]) -> None:
        """Mark a load's versions of records as undone, except restated ones.

        Args:
            batch_id: number of the load.
            record_ids: the records.
        """
        is_active = exists().where(
            _record.c.id == _version.c.record_id, _record.c.version_id == _version.c.id
        )
        # The addition keeps the index of loads unused; it would visit all versions of the load.
        is_of_load = _version.c.batch_id + 0 == batch_id
        for chunk in iter_chunks(record_ids):
            self._connection.execute(
                update(_version)
                .where(_version.c.record_id.in_(chunk), is_of_load, ~is_active)
                .values(state="undone")
            )

    def end_versions(self, version_ids: Collection[int], commit_no: int) -> None:
        """Mark record versions as superseded."""
        execute_many(
            self._connection,
            _SUPERSEDE_VERSION,
            [{"version": version, "ended": commit_no} for version in version_ids],
        )

    def _to_version(self, row: AnyRow) -> StoredVersion:
        return StoredVersion(
            id=row.id,
            record_id=row.record_id,
            as_of=row.as_of,
            received_commit=row.received_commit,
            state=row.state,
            payload=self._cipher.decrypt(row.record_id, row.id, row.data_key, row.payload),
            issues=row.issues,
        )
