"""Repository of source records, their versions, flags and former local IDs."""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from mpi.domain.record import EXPUNGE_MARK
from mpi.domain.record_ref import RecordRef
from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all, prefetch
from mpi.storage.repositories.payload_keys import PayloadKeys, RecordCipher
from mpi.storage.tables import (
    AnyRow,
    CommitRow,
    FlagRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    RenamedRow,
    SightingRow,
    SourceRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_source = table_of(SourceRow)
_alias = table_of(RecordAliasRow)
_flag = table_of(FlagRow)
_renamed = table_of(RenamedRow)
_commit = table_of(CommitRow)
_sighting = table_of(SightingRow)


class RecordState(StrEnum):
    """State of a record; only ``active`` ones are matched.

    ``aside`` is a steward's correction: it is tied to another record and never compared.
    """

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    HELD = "held"
    SEALED = "sealed"
    ASIDE = "aside"


class StoredRecord(NamedTuple):
    """A stored source record with the hash of its active version's content.

    ``overlaid`` tells that it has an overlay: a version that would make it another child, which nobody has
    answered. ``carried_restrictions`` is JSON of restrictions of earlier versions that stay in force.
    ``data_key`` is the record's data key, encrypted under a payload key.
    """

    id: int
    source_id: int
    local_id: str
    group_id: int
    state: str
    canonical_key: int
    version_id: int | None
    last_seen: str
    content_hash: str | None
    overlaid: bool = False
    carried_restrictions: str | None = None
    data_key: bytes | None = None

    @property
    def is_dropped(self) -> bool:
        """Whether retention or minimum holdings destroyed it (see ``Records.anonymize``)."""
        return self.state == RecordState.SEALED and self.version_id is None and not self.last_seen

    @property
    def may_be_expunged(self) -> bool:
        """Whether the record is sealed and nobody has asked to expunge it."""
        content_hash = self.content_hash or ""  # empty once the record is expunged
        is_requested = content_hash.endswith(EXPUNGE_MARK)
        return self.state == RecordState.SEALED and content_hash != "" and not is_requested


@dataclass(frozen=True, slots=True)
class PendingExpunge:
    """A sealed record whose expunging waits for a second person.

    Args:
        record_id: number of the record.
        source_code: code of its source.
        local_id: its local ID.
        commit_no: commit of the version that asks for it.
    """

    record_id: int
    source_code: str
    local_id: str
    commit_no: int


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


ERASED_PAYLOAD = b"{}"
"""Content of the versions of a record whose content was destroyed."""
# A literal instead of a parameter, so that both databases can use the partial index.
_open_overlay = _version.alias("doubted")
_HAS_OPEN_OVERLAY = exists(
    select(1).where(
        _open_overlay.c.record_id == _record.c.id, _open_overlay.c.state == literal_column("'overlay'")
    )
)
# Literals instead of parameters, so that both databases can use the partial index of sealed records. SQLite
# would compare a parameter's value with that index, and so compile the statement anew at each execution.
_IS_ACTIVE = _record.c.state == literal_column("'active'")
_IS_SEALED = _record.c.state == literal_column("'sealed'")
_RECORD_COLUMNS = (
    _record.c.id,
    _record.c.source_id,
    _record.c.local_id,
    _record.c.group_id,
    _record.c.state,
    _record.c.canonical_key,
    _record.c.version_id,
    _record.c.last_seen,
    _version.c.content_hash,
    _HAS_OPEN_OVERLAY.label("overlaid"),
    _record.c.carried_restrictions,
    _record.c.data_key,
)
_ALL_OVERLAYS = select(_version.c.record_id, _version.c.id).where(
    _version.c.state == literal_column("'overlay'")
)
_OVERLAYS = _ALL_OVERLAYS.where(is_in(_version.c.record_id, "ids"))
_RECORDS_WITH_HASH = select(*_RECORD_COLUMNS).outerjoin(_version, _version.c.id == _record.c.version_id)

# Module constants: composing a statement costs more than SQLite takes to run it.
# Sealed records are found by former local IDs, so that they never return under one of them.
_SEALED_BY_FORMER_LOCAL_ID = (
    select(_alias.c.local_id.label("known_as"), *_RECORD_COLUMNS)
    .join(_record, _record.c.id == _alias.c.record_id)
    .outerjoin(_version, _version.c.id == _record.c.version_id)
    .where(_alias.c.source_id == bindparam("source"), _IS_SEALED)
)
_BY_ANY_LOCAL_ID = union_all(
    select(_record.c.local_id.label("known_as"), *_RECORD_COLUMNS)
    .outerjoin(_version, _version.c.id == _record.c.version_id)
    .where(_record.c.source_id == bindparam("source"), is_in(_record.c.local_id, "local_ids")),
    _SEALED_BY_FORMER_LOCAL_ID.where(is_in(_alias.c.local_id, "local_ids")),
)
_HASHES = (
    select(_record.c.local_id, _version.c.content_hash)
    .join(_version, _version.c.id == _record.c.version_id)
    .where(_record.c.source_id == bindparam("source"), is_in(_record.c.local_id, "local_ids"))
)
_SOURCE_PAGE = (
    select(_record.c.id, _record.c.local_id, _record.c.state, _version.c.content_hash)
    .outerjoin(_version, _version.c.id == _record.c.version_id)
    .where(_record.c.source_id == bindparam("source"), _record.c.local_id > bindparam("after"))
    .order_by(_record.c.local_id)
    .limit(10_000)
)
"""Reads only names and hashes of a source's records.

Most records are unchanged, so nothing else is needed of them.
"""
_STATES = (
    select(_record.c.state, func.count().label("records"))
    .where(_record.c.source_id == bindparam("source"))
    .group_by(_record.c.state)
)
_RECORDS_BY_ID = _RECORDS_WITH_HASH.where(is_in(_record.c.id, "ids"))
_CANONICAL_KEYS = select(_record.c.id, _record.c.canonical_key).where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
_SOURCE_IDS = select(_record.c.id, _record.c.source_id).where(is_in(_record.c.id, "ids"))
_LABELS = (
    select(_record.c.id, _source.c.code, _record.c.local_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(is_in(_record.c.id, "ids"), _record.c.state != RecordState.SEALED)
)
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
    .where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
)
_WITH_VERSION = (
    select(_record.c.id)
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
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
    .where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
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
_SET_ACTIVE_VERSION = (
    update(_record)
    .where(_record.c.id == bindparam("record_id"))
    .values(version_id=bindparam("new_version"), last_seen=bindparam("as_of"), state=RecordState.ACTIVE.value)
)
_UPDATE_LAST_SEEN = (
    update(_record).where(_record.c.id == bindparam("record")).values(last_seen=bindparam("seen"))
)
_SET_STATE = update(_record).where(_record.c.id == bindparam("record")).values(state=bindparam("new_state"))
_SET_CARRIED = (
    update(_record)
    .where(_record.c.id == bindparam("record"))
    .values(carried_restrictions=bindparam("carried"))
)
_SUPERSEDE_VERSION = (
    update(_version)
    .where(_version.c.id == bindparam("version"))
    .values(state="superseded", ended_commit=bindparam("ended"))
)
_PENDING_EXPUNGES = (
    select(_record.c.id, _source.c.code, _record.c.local_id, _version.c.received_commit)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(_IS_SEALED, _version.c.content_hash.endswith(EXPUNGE_MARK, autoescape=True))
    .order_by(_version.c.received_commit, _record.c.id)
)
_COUNT_SEALED = (
    select(func.count())
    .select_from(_record)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_commit, _commit.c.no == _version.c.received_commit)
    .where(
        _IS_SEALED,
        _version.c.batch_id.is_(None),
        _commit.c.client == bindparam("client"),
        _commit.c.at >= bindparam("since"),
    )
)
DROPPED_PREFIX = "dropped:"
"""Beginning of the random local ID of a record that was dropped."""
_ANONYMIZE = (
    update(_record)
    .where(_record.c.id == bindparam("record"))
    .values(
        local_id=bindparam("random_id"),
        canonical_key=bindparam("random_key"),
        subject=None,
        version_id=None,
        last_seen="",
        carried_restrictions=None,
        data_key=None,
        state=RecordState.SEALED.value,
    )
)
_FLAGS = (
    select(_record.c.id.label("record_id"), _version.c.as_of, _flag)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_flag, _flag.c.version_id == _version.c.id)
    .where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
    .order_by(_record.c.canonical_key, _flag.c.seq)
)


def add_restrictions(payload: bytes, carried_restrictions: str | None) -> bytes:
    """Return a record's content with restrictions that stay in force."""
    if carried_restrictions is None:
        return payload
    members = orjson.loads(payload)
    members["restrictions"] = [*members.get("restrictions", ()), *orjson.loads(carried_restrictions)]
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


class Records:
    """Repository of source records and their versions.

    Payloads are encrypted on the way into the database and decrypted on the way out.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.

    Attributes:
        changed_ids: records whose content, state or local ID this transaction changed.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._cipher = RecordCipher(payload_keys)
        self.changed_ids: set[int] = set()

    def find_by_local_ids(self, source_id: int, local_ids: Collection[str]) -> dict[str, StoredRecord]:
        """Return the records of a source, by given local IDs.

        Sealed records are found by former local IDs too. Unknown local IDs are left out.
        """
        records: dict[str, StoredRecord] = {}
        for chunk in iter_chunks(local_ids):
            rows = self._connection.execute(_BY_ANY_LOCAL_ID, {"source": source_id, "local_ids": chunk})
            # A present local ID, which is unique, takes precedence over a former one.
            for row in sorted(rows, key=lambda row: row.known_as == row.local_id):
                records[row.known_as] = self._to_record(row[1:])
        return records

    def prefetch_by_local_ids(self, source_id: int, local_ids: Collection[str]) -> None:
        """Send the query of ``find_by_local_ids`` ahead of its use."""
        for chunk in iter_chunks(local_ids):
            prefetch(self._connection, _BY_ANY_LOCAL_ID, {"source": source_id, "local_ids": chunk})

    def hashes(self, source_id: int, local_ids: Collection[str]) -> dict[str, str]:
        """Return the content hash of a source's active records, by local ID."""
        hashes: dict[str, str] = {}
        for chunk in iter_chunks(local_ids):
            rows = self._connection.execute(_HASHES, {"source": source_id, "local_ids": chunk})
            hashes.update({row.local_id: row.content_hash for row in rows})
        return hashes

    def all_of_source(self, source_id: int) -> dict[str, StoredRecord]:
        """Return every record of a source, by local ID.

        Sealed records appear under former local IDs too.
        """
        sealed = self._connection.execute(_SEALED_BY_FORMER_LOCAL_ID, {"source": source_id})
        rows = self._connection.execute(_RECORDS_WITH_HASH.where(_record.c.source_id == source_id))
        by_old_name = {row.known_as: self._to_record(row[1:]) for row in sealed}
        return by_old_name | {row.local_id: self._to_record(row) for row in rows}

    def iterate_changed(
        self, source_id: int, new_hash_of: Callable[[str], str | None]
    ) -> Iterator[StoredRecord]:
        """Yield the records of a source that a file changes or omits.

        Active records whose content is unchanged are skipped. Records are read page by page.

        Args:
            source_id: number of the source.
            new_hash_of: returns the hash of new content by local ID, or None without any.
        """
        last_local_id = ""
        while page := self._connection.execute(
            _SOURCE_PAGE, {"source": source_id, "after": last_local_id}
        ).all():
            yield from self.get(
                [
                    number
                    for number, local_id, state, content_hash in page
                    if state != RecordState.ACTIVE or content_hash != new_hash_of(local_id)
                ]
            ).values()
            last_local_id = page[-1].local_id

    def count_by_state(self, source_id: int) -> dict[str, int]:
        """Count the records of a source, by state."""
        rows = self._connection.execute(_STATES, {"source": source_id})
        return {row.state: row.records for row in rows}

    def has_any(self, source_id: int) -> bool:
        """Return whether a source has a record, in any state."""
        query = select(_record.c.id).where(_record.c.source_id == source_id).limit(1)
        return self._connection.execute(query).first() is not None

    def get(self, record_ids: Collection[int]) -> dict[int, StoredRecord]:
        """Return source records by record number."""
        records = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_RECORDS_BY_ID, {"ids": chunk})
            records.update({row.id: self._to_record(row) for row in rows})
        return records

    def source_ids_of(self, record_ids: Collection[int]) -> dict[int, int]:
        """Return the source number of each record."""
        source_ids = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_SOURCE_IDS, {"ids": chunk}).all()
            source_ids.update({row[0]: row[1] for row in rows})
        return source_ids

    def active_canonical_keys(self) -> dict[int, int]:
        """Return the canonical key of every active record.

        The key is the keyed hash of source and local ID that orders records and breaks ties.
        """
        statement = select(_record.c.id, _record.c.canonical_key).where(_IS_ACTIVE)
        return {row[0]: row[1] for row in fetch_all(self._connection, statement)}

    def active_visibility_groups(self) -> dict[int, int]:
        """Return the visibility group of every active record.

        Records are compared only within the groups that may see each other.
        """
        rows = self._connection.execute(select(_record.c.id, _record.c.group_id).where(_IS_ACTIVE))
        return {row[0]: row[1] for row in rows}

    def find_by_canonical_keys(self, keys: Collection[int]) -> set[int]:
        """Return the numbers of the records that have canonical keys."""
        numbers: set[int] = set()
        for chunk in iter_chunks(keys):
            numbers.update(
                self._connection.execute(
                    select(_record.c.id).where(is_in(_record.c.canonical_key, chunk))
                ).scalars()
            )
        return numbers

    def canonical_keys(self, record_ids: Collection[int]) -> dict[int, int]:
        """Return the canonical keys of active records among those given.

        The key is the keyed hash of source and local ID that orders records and breaks ties.
        """
        canonical_keys = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_CANONICAL_KEYS, {"ids": chunk})
            canonical_keys.update({row.id: row.canonical_key for row in rows})
        return canonical_keys

    def prefetch_canonical_keys(self, record_ids: Collection[int]) -> None:
        """Send the query of ``canonical_keys`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _CANONICAL_KEYS, {"ids": chunk})

    def labels(self, record_ids: Collection[int]) -> dict[int, RecordRef]:
        """Return source code and local ID of records, without sealed ones."""
        labels = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_LABELS, {"ids": chunk})
            labels.update({row.id: RecordRef(row.code, row.local_id) for row in rows})
        return labels

    def iterate_labels(self) -> Iterator[tuple[int, RecordRef]]:
        """Yield every active record's number, source code and local ID.

        The order is that of source code and local ID.
        """
        rows = self._connection.execute(
            select(_record.c.id, _source.c.code, _record.c.local_id)
            .join(_source, _source.c.id == _record.c.source_id)
            .where(_IS_ACTIVE)
            .order_by(_source.c.code, _record.c.local_id)
        )
        return ((row.id, RecordRef(row.code, row.local_id)) for row in rows)

    def counts(self) -> dict[tuple[str, str], int]:
        """Count all records by (source code, record state)."""
        rows = self._connection.execute(
            select(_source.c.code, _record.c.state, func.count())
            .join(_source, _source.c.id == _record.c.source_id)
            .group_by(_source.c.code, _record.c.state)
        )
        return {(row[0], row[1]): row[2] for row in rows}

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

    def set_version_state(self, version_ids: Collection[int], state: str) -> None:
        """Set the state of record versions that are not active."""
        self._many(
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

    def flags(self, record_ids: Collection[int]) -> list[AnyRow]:
        """Return the special-population flags of records' active versions."""
        flags: list[AnyRow] = []
        for chunk in iter_chunks(record_ids):
            flags += self._connection.execute(_FLAGS, {"ids": chunk}).all()
        return flags

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Add source records."""
        self.changed_ids.update(row["id"] for row in rows)
        if rows and self._cipher.encrypts:
            rows = [{**row, "data_key": self._cipher.make_key(row["id"])} for row in rows]
        insert_rows(self._connection, _record, rows)

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
        self._many(
            _SET_DATA_KEY,
            [
                {"record": record_id, "wrapped": self._cipher.make_key(record_id)}
                for record_id in self._cipher.without_key(record_ids)
            ],
        )

    def insert_flags(self, rows: list[dict[str, Any]]) -> None:
        """Add special-population flags of new record versions."""
        insert_rows(self._connection, _flag, rows)

    def activate(self, rows: list[dict[str, Any]]) -> None:
        """Make versions of records their active ones.

        Args:
            rows: dictionaries of record_id, version_id and as_of.
        """
        self.changed_ids.update(row["record_id"] for row in rows)
        self._many(
            _SET_ACTIVE_VERSION,
            [
                {"record_id": row["record_id"], "new_version": row["version_id"], "as_of": row["as_of"]}
                for row in rows
            ],
        )

    def rename(self, names: Mapping[int, tuple[str, int]]) -> None:
        """Change the local IDs and canonical keys of records."""
        self.changed_ids.update(names)
        self._many(
            update(_record)
            .where(_record.c.id == bindparam("record"))
            .values(local_id=bindparam("name"), canonical_key=bindparam("key")),
            [{"record": record, "name": name, "key": key} for record, (name, key) in names.items()],
        )

    def add_alias(self, number: int, source_id: int, local_id: str, record_id: int, commit_no: int) -> None:
        """Record the former local ID of a record that got another."""
        self._connection.execute(
            delete(_alias).where(_alias.c.source_id == source_id, _alias.c.local_id == local_id)
        )
        self._connection.execute(
            insert(_alias).values(
                id=number,
                source_id=source_id,
                local_id=local_id,
                record_id=record_id,
                from_commit=0,
                to_commit=commit_no,
            )
        )

    def local_ids_until(self, record_ids: Collection[int], commit_no: int) -> dict[int, str]:
        """Return the local IDs that records lost at a given commit."""
        rows = self._connection.execute(
            select(_alias.c.record_id, _alias.c.local_id).where(
                _alias.c.record_id.in_(record_ids), _alias.c.to_commit == commit_no
            )
        )
        return {row.record_id: row.local_id for row in rows}

    def former_local_ids(self, record_ids: Collection[int]) -> dict[int, list[str]]:
        """Return the former local IDs of records that got another, by record."""
        former_ids: dict[int, list[str]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_alias.c.record_id, _alias.c.local_id).where(is_in(_alias.c.record_id, chunk))
            )
            for row in rows:
                former_ids.setdefault(row.record_id, []).append(row.local_id)
        return former_ids

    def forget_local_ids(self, surrogates: Mapping[int, str]) -> None:
        """Replace records' local IDs by surrogates, and destroy former ones."""
        self.changed_ids.update(surrogates)
        for chunk in iter_chunks(surrogates):
            self._connection.execute(delete(_alias).where(_alias.c.record_id.in_(chunk)))
            self._connection.execute(delete(_renamed).where(_renamed.c.record_id.in_(chunk)))
        self._many(
            update(_record)
            .where(_record.c.id == bindparam("record"))
            .values(local_id=bindparam("surrogate")),
            [{"record": record, "surrogate": surrogate} for record, surrogate in surrogates.items()],
        )

    def revive_versions(self, version_ids: Collection[int]) -> None:
        """Mark record versions as active again."""
        self._many(
            update(_version)
            .where(_version.c.id == bindparam("version"))
            .values(state="active", ended_commit=None),
            [{"version": version} for version in version_ids],
        )

    def clear_versions(self, record_ids: Collection[int]) -> None:
        """Leave records without an active version."""
        self.changed_ids.update(record_ids)
        self._many(
            update(_record).where(_record.c.id == bindparam("record")).values(version_id=None),
            [{"record": record} for record in record_ids],
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
        self._many(_SUPERSEDE_VERSION, [{"version": version, "ended": commit_no} for version in version_ids])

    def update_last_seen(self, as_of_by_record: Mapping[int, str]) -> None:
        """Store when each active record was last confirmed by its source."""
        self._many(
            _UPDATE_LAST_SEEN,
            [{"record": record, "seen": as_of} for record, as_of in as_of_by_record.items()],
        )

    def set_state(self, record_ids: Iterable[int], state: RecordState) -> None:
        """Set the state of records."""
        numbers = list(record_ids)
        self.changed_ids.update(numbers)
        self._many(_SET_STATE, [{"record": record, "new_state": state.value} for record in numbers])

    def pending_expunges(self) -> list[PendingExpunge]:
        """Return the records that wait to be expunged, oldest request first.

        Stewards' corrections of these records are not among them.
        """
        return [PendingExpunge(*row) for row in self._connection.execute(_PENDING_EXPUNGES)]

    def count_sealed_by(self, client: str, since: str) -> int:
        """Count the records that a client has sealed outside loads.

        Args:
            client: name of the client on its commits.
            since: earliest time of the commits (ISO, UTC).
        """
        count = self._connection.execute(_COUNT_SEALED, {"client": client, "since": since}).scalar_one()
        return int(count)

    def set_carried_restrictions(self, carried: Mapping[int, str | None]) -> None:
        """Store the restrictions that stay in force, as JSON by record."""
        self.changed_ids.update(carried)
        self._many(
            _SET_CARRIED,
            [{"record": record, "carried": restrictions} for record, restrictions in carried.items()],
        )

    def count_rows(self, record_id: int) -> dict[str, int]:
        """Count the rows of a record's content and local IDs, by table."""
        versions = select(_version.c.id).where(_version.c.record_id == record_id)
        conditions = {
            "record_version": (_version, _version.c.record_id == record_id),
            "flag": (_flag, _flag.c.version_id.in_(versions)),
            "record_alias": (_alias, _alias.c.record_id == record_id),
            "renamed": (_renamed, _renamed.c.record_id == record_id),
        }
        return {
            name: self._connection.execute(
                select(func.count()).select_from(table).where(condition)
            ).scalar_one()
            for name, (table, condition) in conditions.items()
        }

    def erase(self, record_id: int) -> None:
        """Destroy the content of every version of a record, and its data key.

        The record itself stays as an empty row, whose local ID ``forget_local_ids`` destroys.
        """
        self.changed_ids.add(record_id)
        self._connection.execute(
            update(_record)
            .where(_record.c.id == record_id)
            .values(subject=None, carried_restrictions=None, data_key=None)
        )
        self._cipher.forget([record_id])
        version_query = select(_version.c.id).where(_version.c.record_id == record_id)
        self._connection.execute(delete(_flag).where(_flag.c.version_id.in_(version_query)))
        self._connection.execute(
            update(_version)
            .where(_version.c.record_id == record_id)
            .values(payload=ERASED_PAYLOAD, content_hash="", issues="[]")
        )

    def anonymize(self, record_ids: Collection[int]) -> None:
        """Delete what a source ever stated of records, their local IDs too.

        Of each record a sealed row stays, to which earlier memberships refer. It has a random local ID and a
        random canonical key, so it cannot be told whose it was.
        """
        self.changed_ids.update(record_ids)
        self._cipher.forget(record_ids)
        for chunk in iter_chunks(record_ids):
            versions = select(_version.c.id).where(is_in(_version.c.record_id, chunk))
            self._connection.execute(delete(_flag).where(_flag.c.version_id.in_(versions)))
            for table in (_version, _alias, _renamed, _sighting):
                self._connection.execute(delete(table).where(is_in(table.c.record_id, chunk)))
        self._many(
            _ANONYMIZE,
            [
                {
                    "record": record,
                    "random_id": f"{DROPPED_PREFIX}{secrets.token_hex(16)}",
                    "random_key": secrets.randbits(63),
                }
                for record in record_ids
            ],
        )

    def ids_of_source(self, source_id: int, states: Collection[RecordState]) -> list[int]:
        """Return the records of a source in some states, ascending."""
        names = [state.value for state in states]
        query = select(_record.c.id).where(_record.c.source_id == source_id, _record.c.state.in_(names))
        return list(self._connection.execute(query.order_by(_record.c.id)).scalars())

    def _to_record(self, row: Iterable[Any]) -> StoredRecord:
        record = StoredRecord._make(row)
        self._cipher.remember(record.id, record.data_key)
        return record

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

    def _many(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)
