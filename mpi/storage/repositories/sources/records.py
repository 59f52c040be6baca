"""Source records and their versions."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
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

from mpi.domain.record_ref import RecordRef
from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch, fetch_all
from mpi.storage.tables import FlagRow, RecordAliasRow, RecordRow, RecordVersionRow, SourceRow

_record = RecordRow.__table__  # type: ignore[attr-defined]
_version = RecordVersionRow.__table__  # type: ignore[attr-defined]
_source = SourceRow.__table__  # type: ignore[attr-defined]
_alias = RecordAliasRow.__table__  # type: ignore[attr-defined]
_flag = FlagRow.__table__  # type: ignore[attr-defined]


AnyRow = Row[*tuple[Any, ...]]


class RecordState(StrEnum):
    """Whether a record takes part: only ``active`` ones do.

    One that stands ``aside`` is a steward's correction: it is bound to another record, and never compared.
    """

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    HELD = "held"
    SEALED = "sealed"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the registry holds it, with the hash of its active version.

    ``overlaid`` tells that a version of it says, or once said, that it is another child, and that no person
    has answered.
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


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One statement of a source about one record."""

    id: int
    record_id: int
    as_of: str
    received_commit: int
    state: str
    payload: bytes
    issues: str = "[]"


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """What stands for an active record, when it was true at its source and which load, if one, brought it."""

    record_id: int
    source_id: int
    as_of: str
    received_commit: int
    batch_id: int | None
    payload: bytes


# Spelled out, not bound: so that both stores see that the partial index holds just these.
_open_overlay = _version.alias("doubted")
_HAS_OPEN_OVERLAY = exists(
    select(1).where(_open_overlay.c.record_id == _record.c.id, _open_overlay.c.state == literal_column("'overlay'"))
)
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
)
_ALL_OVERLAYS = select(_version.c.record_id, _version.c.id).where(
    _version.c.state == literal_column("'overlay'")
)
_OVERLAYS = _ALL_OVERLAYS.where(is_in(_version.c.record_id, "ids"))
_RECORDS_WITH_HASH = select(*_RECORD_COLUMNS).outerjoin(_version, _version.c.id == _record.c.version_id)

# Composed once: composing a statement costs more than SQLite takes to run it.
# A sealed record stays known by the local IDs that it had, so that it never comes back under one of them.
_SEALED_BY_FORMER_LOCAL_ID = (
    select(_alias.c.local_id.label("known_as"), *_RECORD_COLUMNS)
    .join(_record, _record.c.id == _alias.c.record_id)
    .outerjoin(_version, _version.c.id == _record.c.version_id)
    .where(_alias.c.source_id == bindparam("source"), _record.c.state == RecordState.SEALED.value)
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
"""Of a source's records little more than their names: of the most by far nothing else is asked."""
_STATES = (
    select(_record.c.state, func.count().label("records"))
    .where(_record.c.source_id == bindparam("source"))
    .group_by(_record.c.state)
)
_RECORDS_BY_ID = _RECORDS_WITH_HASH.where(is_in(_record.c.id, "ids"))
_CANONICAL_KEYS = select(_record.c.id, _record.c.canonical_key).where(
    is_in(_record.c.id, "ids"), _record.c.state == RecordState.ACTIVE
)
_SOURCE_IDS = select(_record.c.id, _record.c.source_id).where(is_in(_record.c.id, "ids"))
_LABELS = (
    select(_record.c.id, _source.c.code, _record.c.local_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(is_in(_record.c.id, "ids"), _record.c.state != RecordState.SEALED)
)
_PAYLOADS = (
    select(_record.c.id, _record.c.source_id, _version.c.payload)
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), _record.c.state == RecordState.ACTIVE)
)
_ACTIVE_VERSIONS = (
    select(
        _record.c.id,
        _record.c.source_id,
        _version.c.as_of,
        _version.c.received_commit,
        _version.c.batch_id,
        _version.c.payload,
    )
    .join(_version, _version.c.id == _record.c.version_id)
    .where(is_in(_record.c.id, "ids"), _record.c.state == RecordState.ACTIVE)
)
_SET_ACTIVE_VERSION = (
    update(_record)
    .where(_record.c.id == bindparam("record_id"))
    .values(version_id=bindparam("new_version"), last_seen=bindparam("as_of"), state=RecordState.ACTIVE.value)
)
_UPDATE_LAST_SEEN = update(_record).where(_record.c.id == bindparam("record")).values(last_seen=bindparam("seen"))
_SET_STATE = update(_record).where(_record.c.id == bindparam("record")).values(state=bindparam("new_state"))
_SUPERSEDE_VERSION = (
    update(_version)
    .where(_version.c.id == bindparam("version"))
    .values(state="superseded", ended_commit=bindparam("ended"))
)
_FLAGS = (
    select(_record.c.id.label("record_id"), _version.c.as_of, _flag)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_flag, _flag.c.version_id == _version.c.id)
    .where(is_in(_record.c.id, "ids"), _record.c.state == RecordState.ACTIVE)
    .order_by(_record.c.canonical_key, _flag.c.seq)
)


def _record_from_row(row: Iterable[Any]) -> StoredRecord:
    return StoredRecord(*row)


class Records:
    """Records and what their sources said."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_by_local_ids(self, source_id: int, local_ids: Collection[str]) -> dict[str, StoredRecord]:
        """Records of one source, by local ID, a sealed one by those that it had as well.

        Those that the source does not have are left out.
        """
        found: dict[str, StoredRecord] = {}
        for chunk in iter_chunks(local_ids):
            rows = self._connection.execute(_BY_ANY_LOCAL_ID, {"source": source_id, "local_ids": chunk})
            # A name that a record bears now goes before one that another had: no two bear it now.
            for row in sorted(rows, key=lambda row: row.known_as == row.local_id):
                found[row.known_as] = _record_from_row(row[1:])
        return found

    def prefetch_by_local_ids(self, source_id: int, local_ids: Collection[str]) -> None:
        """Send ahead what ``find`` will ask."""
        for chunk in iter_chunks(local_ids):
            prefetch(self._connection, _BY_ANY_LOCAL_ID, {"source": source_id, "local_ids": chunk})

    def hashes(self, source_id: int, local_ids: Collection[str]) -> dict[str, str]:
        """The hash of the version that stands, or last stood, for each local ID of a source that has one."""
        found: dict[str, str] = {}
        for chunk in iter_chunks(local_ids):
            rows = self._connection.execute(_HASHES, {"source": source_id, "local_ids": chunk})
            found.update({row.local_id: row.content_hash for row in rows})
        return found

    def all_of_source(self, source_id: int) -> dict[str, StoredRecord]:
        """Every record of one source, by local ID, a sealed one by those that it had as well."""
        sealed = self._connection.execute(_SEALED_BY_FORMER_LOCAL_ID, {"source": source_id})
        rows = self._connection.execute(_RECORDS_WITH_HASH.where(_record.c.source_id == source_id))
        by_old_name = {row.known_as: _record_from_row(row[1:]) for row in sealed}
        return by_old_name | {row.local_id: _record_from_row(row) for row in rows}

    def iterate_changed(self, source_id: int, new_hash_of: Callable[[str], str | None]) -> Iterator[StoredRecord]:
        """Every record of one source, but those active ones of which the same is said again; none is kept.

        Args:
            source_id: the source.
            new_hash_of: the hash of what is said of a local ID, where something is.
        """
        after = ""
        while page := self._connection.execute(_SOURCE_PAGE, {"source": source_id, "after": after}).all():
            yield from self.get(
                [
                    number
                    for number, local_id, state, content_hash in page
                    if state != RecordState.ACTIVE or content_hash != new_hash_of(local_id)
                ]
            ).values()
            after = page[-1].local_id

    def count_by_state(self, source_id: int) -> dict[str, int]:
        """How many records a source has in each state, of those in which it has any."""
        rows = self._connection.execute(_STATES, {"source": source_id})
        return {row.state: row.records for row in rows}

    def get(self, record_ids: Collection[int]) -> dict[int, StoredRecord]:
        """Records by their number."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_RECORDS_BY_ID, {"ids": chunk})
            found.update({row.id: _record_from_row(row) for row in rows})
        return found

    def source_ids_of(self, record_ids: Collection[int]) -> dict[int, int]:
        """The number of each record's source."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_SOURCE_IDS, {"ids": chunk}).all()
            found.update({row[0]: row[1] for row in rows})
        return found

    def active_canonical_keys(self) -> dict[int, int]:
        """Number and canonical key of every active record."""
        statement = select(_record.c.id, _record.c.canonical_key).where(_record.c.state == RecordState.ACTIVE)
        return {row[0]: row[1] for row in fetch_all(self._connection, statement)}

    def active_visibility_groups(self) -> dict[int, int]:
        """Number and visibility group of every active record."""
        rows = self._connection.execute(
            select(_record.c.id, _record.c.group_id).where(_record.c.state == RecordState.ACTIVE)
        )
        return {row[0]: row[1] for row in rows}

    def canonical_keys(self, record_ids: Collection[int]) -> dict[int, int]:
        """Canonical keys of the active ones among the given records."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_CANONICAL_KEYS, {"ids": chunk})
            found.update({row.id: row.canonical_key for row in rows})
        return found

    def prefetch_canonical_keys(self, record_ids: Collection[int]) -> None:
        """Send ahead what ``keys`` will ask."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _CANONICAL_KEYS, {"ids": chunk})

    def labels(self, record_ids: Collection[int]) -> dict[int, RecordRef]:
        """Source code and local ID of records that may show; a sealed record has no label."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_LABELS, {"ids": chunk})
            found.update({row.id: RecordRef(row.code, row.local_id) for row in rows})
        return found

    def iterate_labels(self) -> Iterator[tuple[int, RecordRef]]:
        """Every active record with its label, by source and local ID."""
        rows = self._connection.execute(
            select(_record.c.id, _source.c.code, _record.c.local_id)
            .join(_source, _source.c.id == _record.c.source_id)
            .where(_record.c.state == RecordState.ACTIVE)
            .order_by(_source.c.code, _record.c.local_id)
        )
        return ((row.id, RecordRef(row.code, row.local_id)) for row in rows)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many records each source has in each state, by (source code, state)."""
        rows = self._connection.execute(
            select(_source.c.code, _record.c.state, func.count())
            .join(_source, _source.c.id == _record.c.source_id)
            .group_by(_source.c.code, _record.c.state)
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def payloads(self, record_ids: Collection[int]) -> dict[int, tuple[int, bytes]]:
        """(source number, payload) of the active version of each active record asked for."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_PAYLOADS, {"ids": chunk})
            found.update({row.id: (row.source_id, row.payload) for row in rows})
        return found

    def active_versions(self, record_ids: Collection[int]) -> dict[int, ActiveVersion]:
        """The active version of each active record asked for."""
        found = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_ACTIVE_VERSIONS, {"ids": chunk})
            found.update({row.id: ActiveVersion(*row) for row in rows})
        return found

    def as_of(self, version_ids: Collection[int]) -> dict[int, str]:
        """When versions were true at their sources."""
        found = {}
        for chunk in iter_chunks(version_ids):
            rows = self._connection.execute(
                select(_version.c.id, _version.c.as_of).where(is_in(_version.c.id, chunk))
            )
            found.update({row.id: row.as_of for row in rows})
        return found

    def payloads_of_versions(self, version_ids: Collection[int]) -> dict[int, bytes]:
        """What versions state."""
        found = {}
        for chunk in iter_chunks(version_ids):
            rows = self._connection.execute(
                select(_version.c.id, _version.c.payload).where(is_in(_version.c.id, chunk))
            )
            found.update({row.id: row.payload for row in rows})
        return found

    def versions(self, record_id: int) -> list[StoredVersion]:
        """Everything a source ever said about one record, oldest as-of first."""
        rows = self._connection.execute(
            select(_version)
            .where(_version.c.record_id == record_id)
            .order_by(_version.c.as_of, _version.c.received_commit, _version.c.id)
        )
        return [
            StoredVersion(r.id, r.record_id, r.as_of, r.received_commit, r.state, r.payload, r.issues)
            for r in rows
        ]

    def find_version(self, record_id: int, as_of: str, content_hash: str) -> int | None:
        """The version with which the source has said exactly this, as of exactly then."""
        found = self._connection.execute(
            select(func.max(_version.c.id)).where(
                _version.c.record_id == record_id,
                _version.c.as_of == as_of,
                _version.c.content_hash == content_hash,
                _version.c.state.not_in(("held", "overlay", "refused")),
            )
        ).scalar()
        return None if found is None else int(found)

    def open_overlays(self, record_ids: Collection[int] | None) -> dict[int, set[int]]:
        """By record: its versions that say that it is another child, and that nobody has answered.

        Of the records that are given; None for all.
        """
        found: dict[int, set[int]] = {}
        if record_ids is None:
            for row in self._connection.execute(_ALL_OVERLAYS):
                found.setdefault(row.record_id, set()).add(row.id)
            return found
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_OVERLAYS, {"ids": chunk}):
                found.setdefault(row.record_id, set()).add(row.id)
        return found

    def prefetch_open_overlays(self, record_ids: Collection[int]) -> None:
        """Send ahead what ``overlays`` will ask."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _OVERLAYS, {"ids": chunk})

    def refused_hashes(self, record_ids: Collection[int]) -> dict[int, dict[int, str]]:
        """By record: the hashes of its versions to which a person said no, by version."""
        found: dict[int, dict[int, str]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_version.c.record_id, _version.c.id, _version.c.content_hash).where(
                    is_in(_version.c.record_id, chunk), _version.c.state == "refused"
                )
            )
            for row in rows:
                found.setdefault(row.record_id, {})[row.id] = row.content_hash
        return found

    def set_version_state(self, version_ids: Collection[int], state: str) -> None:
        """Change the state of versions, none of which is active."""
        self._many(
            update(_version).where(_version.c.id == bindparam("version")).values(state=state),
            [{"version": version} for version in version_ids],
        )

    def release_held_versions(self, source_id: int) -> set[int]:
        """Let the held versions of a source be judged as any other; returns their records."""
        mine = select(_record.c.id).where(_record.c.source_id == source_id)
        held = (_version.c.state == "held") & _version.c.record_id.in_(mine)
        found = {row[0] for row in self._connection.execute(select(_version.c.record_id).where(held))}
        self._connection.execute(update(_version).where(held).values(state="overlay"))
        return found

    def flags(self, record_ids: Collection[int]) -> list[AnyRow]:
        """Flags on the active versions of the given records, with their record."""
        found: list[AnyRow] = []
        for chunk in iter_chunks(record_ids):
            found += self._connection.execute(_FLAGS, {"ids": chunk}).all()
        return found

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Add records."""
        insert_rows(self._connection, _record, rows)

    def insert_versions(self, rows: list[dict[str, Any]]) -> None:
        """Add versions."""
        insert_rows(self._connection, _version, rows)

    def insert_flags(self, rows: list[dict[str, Any]]) -> None:
        """Add flags of versions just added."""
        insert_rows(self._connection, _flag, rows)

    def activate(self, rows: list[dict[str, Any]]) -> None:
        """Give records a new active version: rows of record_id, version_id, as_of."""
        self._many(
            _SET_ACTIVE_VERSION,
            [
                {"record_id": r["record_id"], "new_version": r["version_id"], "as_of": r["as_of"]}
                for r in rows
            ],
        )

    def rename(self, names: Mapping[int, tuple[str, int]]) -> None:
        """Give records another local ID and the canonical key that goes with it."""
        self._many(
            update(_record)
            .where(_record.c.id == bindparam("record"))
            .values(local_id=bindparam("name"), canonical_key=bindparam("key")),
            [{"record": record, "name": name, "key": key} for record, (name, key) in names.items()],
        )

    def add_alias(self, number: int, source_id: int, local_id: str, record_id: int, commit_no: int) -> None:
        """Note the local ID that a record had until now."""
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
        """The local IDs that records had until a commit."""
        rows = self._connection.execute(
            select(_alias.c.record_id, _alias.c.local_id).where(
                _alias.c.record_id.in_(record_ids), _alias.c.to_commit == commit_no
            )
        )
        return {row.record_id: row.local_id for row in rows}

    def revive_versions(self, version_ids: Collection[int]) -> None:
        """Mark versions as active again."""
        self._many(
            update(_version)
            .where(_version.c.id == bindparam("version"))
            .values(state="active", ended_commit=None),
            [{"version": version} for version in version_ids],
        )

    def clear_versions(self, record_ids: Collection[int]) -> None:
        """Let records of which nothing counts any more have no version."""
        self._many(
            update(_record).where(_record.c.id == bindparam("record")).values(version_id=None),
            [{"record": record} for record in record_ids],
        )

    def mark_undone(self, batch_id: int, record_ids: Collection[int]) -> None:
        """Mark the versions of a load that was undone, but for those that another statement restates.

        Args:
            batch_id: the load.
            record_ids: the records whose versions are meant.
        """
        stands = exists().where(_record.c.id == _version.c.record_id, _record.c.version_id == _version.c.id)
        # Reckoned, so that nobody goes through all versions of the load for those of a few records.
        of_load = _version.c.batch_id + 0 == batch_id
        for chunk in iter_chunks(record_ids):
            self._connection.execute(
                update(_version)
                .where(_version.c.record_id.in_(chunk), of_load, ~stands)
                .values(state="undone")
            )

    def end_versions(self, version_ids: Collection[int], commit_no: int) -> None:
        """Mark versions as superseded."""
        self._many(_SUPERSEDE_VERSION, [{"version": version, "ended": commit_no} for version in version_ids])

    def update_last_seen(self, as_of_by_record: Mapping[int, str]) -> None:
        """Note that the source still stands by the active version."""
        self._many(_UPDATE_LAST_SEEN, [{"record": record, "seen": as_of} for record, as_of in as_of_by_record.items()])

    def set_state(self, record_ids: Iterable[int], state: RecordState) -> None:
        """Change the state of records."""
        self._many(_SET_STATE, [{"record": record, "new_state": state.value} for record in record_ids])

    def erase(self, record_id: int) -> None:
        """Destroy every statement about a record; the record itself stays, empty, as a tombstone."""
        self._connection.execute(update(_record).where(_record.c.id == record_id).values(subject=None))
        mine = select(_version.c.id).where(_version.c.record_id == record_id)
        self._connection.execute(delete(_flag).where(_flag.c.version_id.in_(mine)))
        self._connection.execute(
            update(_version)
            .where(_version.c.record_id == record_id)
            .values(payload=b"{}", content_hash="", issues="[]")
        )

    def _many(self, statement: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401
        if rows:
            self._connection.execute(statement, rows)
