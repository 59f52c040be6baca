"""Erasure of source records: what waits for it, and what it destroys."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select, union, update

from mpi.domain.record import EXPUNGE_MARK
from mpi.storage.driver.bulk_rows import execute_many
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.sources.records import IS_SEALED, Records, RecordState
from mpi.storage.tables import (
    BatchRow,
    CarePeriodRow,
    CaseloadRow,
    ChildItemRow,
    EnrollmentPeriodRow,
    FlagRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    RejectRow,
    RenamedRow,
    SightingRow,
    SourceRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_source = table_of(SourceRow)
_alias = table_of(RecordAliasRow)
_batch = table_of(BatchRow)
_flag = table_of(FlagRow)
_reject = table_of(RejectRow)
_renamed = table_of(RenamedRow)
_caseload = table_of(CaseloadRow)
_item = table_of(ChildItemRow)
_OF_VERSIONS = (_flag, table_of(CarePeriodRow), table_of(EnrollmentPeriodRow))
"""Tables of what a version states, by the number of the version."""
_sighting = table_of(SightingRow)


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


_PENDING_EXPUNGES = (
    select(_record.c.id, _source.c.code, _record.c.local_id, _version.c.received_commit)
    .join(_version, _version.c.id == _record.c.version_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(IS_SEALED, _version.c.content_hash.endswith(EXPUNGE_MARK, autoescape=True))
    .order_by(_version.c.received_commit, _record.c.id)
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
ERASED_PAYLOAD = b"{}"
"""Content of the versions of a record whose content was destroyed."""


class RecordErasure:
    """Repository of the erasure of source records.

    Args:
        connection: connection with an open transaction.
        records: the records of the same unit; it notes there which of them changed.
    """

    def __init__(self, connection: Connection, records: Records) -> None:
        self._connection = connection
        self._records = records

    def pending_expunges(self) -> list[PendingExpunge]:
        """Return the records that wait to be expunged, oldest request first.

        Stewards' corrections of these records are not among them.
        """
        return [PendingExpunge(*row) for row in self._connection.execute(_PENDING_EXPUNGES)]

    def count_rows(self, record_id: int) -> dict[str, int]:
        """Count the rows of a record's content and local IDs, by table."""
        versions = select(_version.c.id).where(_version.c.record_id == record_id)
        conditions = {
            "record_version": (_version, _version.c.record_id == record_id),
            **{str(table.name): (table, table.c.version_id.in_(versions)) for table in _OF_VERSIONS},
            "caseload": (_caseload, _caseload.c.record_id == record_id),
            "child_item": (_item, _item.c.record_id == record_id),
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
        """Destroy the content of a record's versions, and its data key.

        The record itself stays as an empty row, whose local ID ``forget_local_ids`` destroys.
        """
        self._records.changed_ids.add(record_id)
        self._connection.execute(
            update(_record)
            .where(_record.c.id == record_id)
            .values(subject=None, carried_restrictions=None, data_key=None)
        )
        self._records.cipher.forget([record_id])
        version_query = select(_version.c.id).where(_version.c.record_id == record_id)
        for table in _OF_VERSIONS:
            self._connection.execute(delete(table).where(table.c.version_id.in_(version_query)))
        for table in (_caseload, _item):
            self._connection.execute(delete(table).where(table.c.record_id == record_id))
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
        self._records.changed_ids.update(record_ids)
        self._records.cipher.forget(record_ids)
        self._forget_in_rejects(record_ids)
        for chunk in iter_chunks(record_ids):
            versions = select(_version.c.id).where(is_in(_version.c.record_id, chunk))
            for table in _OF_VERSIONS:
                self._connection.execute(delete(table).where(table.c.version_id.in_(versions)))
            for table in (_version, _alias, _renamed, _sighting, _caseload, _item):
                self._connection.execute(delete(table).where(is_in(table.c.record_id, chunk)))
        execute_many(
            self._connection,
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

    def forget_local_ids(self, surrogates: Mapping[int, str]) -> None:
        """Replace records' local IDs by surrogates, and destroy former ones."""
        self._records.changed_ids.update(surrogates)
        self._forget_in_rejects(surrogates)
        for chunk in iter_chunks(surrogates):
            self._connection.execute(delete(_alias).where(_alias.c.record_id.in_(chunk)))
            self._connection.execute(delete(_renamed).where(_renamed.c.record_id.in_(chunk)))
        execute_many(
            self._connection,
            update(_record)
            .where(_record.c.id == bindparam("record"))
            .values(local_id=bindparam("surrogate")),
            [{"record": record, "surrogate": surrogate} for record, surrogate in surrogates.items()],
        )

    def _forget_in_rejects(self, record_ids: Collection[int]) -> None:
        """Destroy the local IDs of records, present and former, on rejected rows."""
        for chunk in iter_chunks(record_ids):
            is_named = _record.c.id.in_(chunk)
            own_loads = (
                select(_batch.c.id).join(_record, _record.c.source_id == _batch.c.source_id).where(is_named)
            )
            local_ids = union(
                select(_record.c.local_id).where(is_named),
                select(_alias.c.local_id).where(_alias.c.record_id.in_(chunk)),
            )
            self._connection.execute(
                update(_reject)
                .where(_reject.c.local_id.in_(local_ids), _reject.c.batch_id.in_(own_loads))
                .values(local_id=None)
            )
