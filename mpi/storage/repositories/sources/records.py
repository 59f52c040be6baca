"""Repository of source records: their local IDs, states and labels."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, literal_column, select, union_all, update

from mpi.domain.record import EXPUNGE_MARK
from mpi.domain.record_ref import RecordRef
from mpi.storage.driver.bulk_rows import execute_many, insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all, prefetch
from mpi.storage.repositories.payload_keys import PayloadKeys, RecordCipher
from mpi.storage.tables import CommitRow, RecordAliasRow, RecordRow, RecordVersionRow, SourceRow, table_of

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_source = table_of(SourceRow)
_alias = table_of(RecordAliasRow)
_commit = table_of(CommitRow)


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
        """Whether retention or minimum holdings destroyed it (see ``RecordErasure.anonymize``)."""
        return self.state == RecordState.SEALED and self.version_id is None and not self.last_seen

    @property
    def may_be_expunged(self) -> bool:
        """Whether the record is sealed and nobody has asked to expunge it."""
        content_hash = self.content_hash or ""  # empty once the record is expunged
        is_requested = content_hash.endswith(EXPUNGE_MARK)
        return self.state == RecordState.SEALED and content_hash != "" and not is_requested


# A literal instead of a parameter, so that both databases can use the partial index.
_open_overlay = _version.alias("doubted")
_HAS_OPEN_OVERLAY = exists(
    select(1).where(
        _open_overlay.c.record_id == _record.c.id, _open_overlay.c.state == literal_column("'overlay'")
    )
)
# Literals instead of parameters, so that both databases can use the partial index of sealed records. SQLite
# would compare a parameter's value with that index, and so compile the statement anew at each execution.
IS_ACTIVE = _record.c.state == literal_column("'active'")
IS_SEALED = _record.c.state == literal_column("'sealed'")
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
_RECORDS_WITH_HASH = select(*_RECORD_COLUMNS).outerjoin(_version, _version.c.id == _record.c.version_id)

# Module constants: composing a statement costs more than SQLite takes to run it.
# Sealed records are found by former local IDs, so that they never return under one of them.
_SEALED_BY_FORMER_LOCAL_ID = (
    select(_alias.c.local_id.label("known_as"), *_RECORD_COLUMNS)
    .join(_record, _record.c.id == _alias.c.record_id)
    .outerjoin(_version, _version.c.id == _record.c.version_id)
    .where(_alias.c.source_id == bindparam("source"), IS_SEALED)
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
_ACTIVE_RECORDS = (
    select(func.count()).select_from(_record).where(IS_ACTIVE, _record.c.source_id == bindparam("source"))
)
_RECORDS_BY_ID = _RECORDS_WITH_HASH.where(is_in(_record.c.id, "ids"))
_CANONICAL_KEYS = select(_record.c.id, _record.c.canonical_key).where(is_in(_record.c.id, "ids"), IS_ACTIVE)
_SOURCE_IDS = select(_record.c.id, _record.c.source_id).where(is_in(_record.c.id, "ids"))
_LABELS = (
    select(_record.c.id, _source.c.code, _record.c.local_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(is_in(_record.c.id, "ids"), _record.c.state != RecordState.SEALED)
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
_COUNT_SEALED = (
    select(func.count())
    .select_from(_record)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_commit, _commit.c.no == _version.c.received_commit)
    .where(
        IS_SEALED,
        _version.c.batch_id.is_(None),
        _commit.c.client == bindparam("client"),
        _commit.c.at >= bindparam("since"),
    )
)


class Records:
    """Repository of source records, each with the number of its active version.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.

    Attributes:
        cipher: encryption of the records' payloads, with the data keys that were read.
        changed_ids: records whose content, state or local ID this transaction changed.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self.cipher = RecordCipher(payload_keys)
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

    def count_active(self, source_id: int) -> int:
        """Count the active records of a source."""
        return self._connection.execute(_ACTIVE_RECORDS, {"source": source_id}).scalar_one()

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
        statement = select(_record.c.id, _record.c.canonical_key).where(IS_ACTIVE)
        return {row[0]: row[1] for row in fetch_all(self._connection, statement)}

    def active_visibility_groups(self) -> dict[int, int]:
        """Return the visibility group of every active record.

        Records are compared only within the groups that may see each other.
        """
        rows = self._connection.execute(select(_record.c.id, _record.c.group_id).where(IS_ACTIVE))
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
            .where(IS_ACTIVE)
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

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Add source records."""
        self.changed_ids.update(row["id"] for row in rows)
        if rows and self.cipher.encrypts:
            rows = [{**row, "data_key": self.cipher.make_key(row["id"])} for row in rows]
        insert_rows(self._connection, _record, rows)

    def activate(self, rows: list[dict[str, Any]]) -> None:
        """Make versions of records their active ones.

        Args:
            rows: dictionaries of record_id, version_id and as_of.
        """
        self.changed_ids.update(row["record_id"] for row in rows)
        execute_many(
            self._connection,
            _SET_ACTIVE_VERSION,
            [
                {"record_id": row["record_id"], "new_version": row["version_id"], "as_of": row["as_of"]}
                for row in rows
            ],
        )

    def rename(self, names: Mapping[int, tuple[str, int]]) -> None:
        """Change the local IDs and canonical keys of records."""
        self.changed_ids.update(names)
        execute_many(
            self._connection,
            update(_record)
            .where(_record.c.id == bindparam("record"))
            .values(local_id=bindparam("name"), canonical_key=bindparam("key")),
            [{"record": record, "name": name, "key": key} for record, (name, key) in names.items()],
        )

    def clear_versions(self, record_ids: Collection[int]) -> None:
        """Leave records without an active version."""
        self.changed_ids.update(record_ids)
        execute_many(
            self._connection,
            update(_record).where(_record.c.id == bindparam("record")).values(version_id=None),
            [{"record": record} for record in record_ids],
        )

    def update_last_seen(self, as_of_by_record: Mapping[int, str]) -> None:
        """Store when each active record was last confirmed by its source."""
        execute_many(
            self._connection,
            _UPDATE_LAST_SEEN,
            [{"record": record, "seen": as_of} for record, as_of in as_of_by_record.items()],
        )

    def set_state(self, record_ids: Iterable[int], state: RecordState) -> None:
        """Set the state of records."""
        numbers = list(record_ids)
        self.changed_ids.update(numbers)
        execute_many(
            self._connection, _SET_STATE, [{"record": record, "new_state": state.value} for record in numbers]
        )

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
        execute_many(
            self._connection,
            _SET_CARRIED,
            [{"record": record, "carried": restrictions} for record, restrictions in carried.items()],
        )

    def ids_of_source(self, source_id: int, states: Collection[RecordState]) -> list[int]:
        """Return the records of a source in some states, ascending."""
        names = [state.value for state in states]
        query = select(_record.c.id).where(_record.c.source_id == source_id, _record.c.state.in_(names))
        return list(self._connection.execute(query.order_by(_record.c.id)).scalars())

    def _to_record(self, row: Iterable[Any]) -> StoredRecord:
        record = StoredRecord._make(row)
        self.cipher.remember(record.id, record.data_key)
        return record
