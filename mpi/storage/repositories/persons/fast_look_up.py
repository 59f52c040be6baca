"""Repository of frequent look-ups: client and answer in one query.

One round trip less makes a look-up on PostgreSQL quick. A look-up answers only what needs no other
query. Where it returns None, the caller takes the general path.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, select

from mpi.storage.repositories.access.clients import CLIENT_COLUMNS, Client, client_of
from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import (
    ClientRow,
    CommitRow,
    FlagRow,
    MembershipRow,
    PersonRow,
    RecordRow,
    RecordVersionRow,
    SourceRow,
    table_of,
)

_client = table_of(ClientRow)
_commit = table_of(CommitRow)
_flag = table_of(FlagRow)
_member = table_of(MembershipRow)
_person = table_of(PersonRow)
_record = table_of(RecordRow)
_source = table_of(SourceRow)
_version = table_of(RecordVersionRow)

_IS_CLIENTS_KEY = and_(_client.c.key_hash == bindparam("key_hash"), _client.c.revoked_commit.is_(None))
_BY_LOCAL_ID = (
    select(*CLIENT_COLUMNS, _record.c.id, _person.c.eid)
    .select_from(_client)
    .join(_source, _source.c.code == bindparam("source"))
    .join(_record, and_(_record.c.source_id == _source.c.id, _record.c.local_id == bindparam("local_id")))
    .join(
        _member,
        and_(_member.c.scope == SCOPE, _member.c.record_id == _record.c.id, _member.c.to_commit.is_(None)),
    )
    .join(_person, _person.c.id == _member.c.person_id)
    .where(_IS_CLIENTS_KEY, _record.c.state != RecordState.SEALED.value)
)
_held = table_of(MembershipRow).alias("held")
_held_record = table_of(RecordRow).alias("held_record")
_HAS_HELD_SEALED = exists(
    select(1)
    .select_from(_held.join(_held_record, _held_record.c.id == _held.c.record_id))
    .where(_held.c.person_id == _person.c.id, _held_record.c.state == RecordState.SEALED.value)
    .correlate(_person)
)
_BY_EID = (
    select(
        *CLIENT_COLUMNS,
        _commit.c.at.label("since"),
        _HAS_HELD_SEALED.label("has_held_sealed"),
        _record.c.id.label("record_id"),
        _record.c.state,
        _record.c.version_id,
        _record.c.canonical_key,
        _record.c.local_id,
        _source.c.code,
        _version.c.as_of,
        *(column for column in _flag.c if column.name != "version_id"),
    )
    .select_from(_client)
    .join(_person, _person.c.eid == bindparam("eid"))
    .join(_commit, _commit.c.no == _person.c.minted_commit)
    .join(_member, and_(_member.c.person_id == _person.c.id, _member.c.to_commit.is_(None)))
    .join(_record, _record.c.id == _member.c.record_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .outerjoin(
        _version,
        and_(_version.c.id == _record.c.version_id, _record.c.state == RecordState.ACTIVE.value),
    )
    .outerjoin(_flag, _flag.c.version_id == _version.c.id)
    .where(_IS_CLIENTS_KEY, _person.c.status == PersonStatus.ACTIVE.value)
)


@dataclass(frozen=True, slots=True)
class LookUpResult:
    """Result of a look-up by local ID: person found, and client asking.

    Args:
        client: client whose key was given.
        record_id: number of the record.
        eid: enterprise ID of the record's person.
    """

    client: Client
    record_id: int
    eid: str


class FastLookUps:
    """Repository of look-ups that check the client's key in one query."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_by_local_id(self, key_hash: str, source: str, local_id: str) -> LookUpResult | None:
        """Return the person of a record, by local ID and client key.

        None if the key is invalid, or there is no such record or person.
        """
        parameters = {"key_hash": key_hash, "source": source, "local_id": local_id}
        row = self._connection.execute(_BY_LOCAL_ID, parameters).first()
        return None if row is None else LookUpResult(client_of(row), row.id, row.eid)

    def find_by_eid(self, key_hash: str, eid: str) -> tuple[Client, list[Any]] | None:
        """Return an active person's records and flags, by client key.

        Returns:
            The client and one row for each record and each of its flags; None if the key is invalid or the
            person holds no record. A row has ``since`` (when the person was minted), ``record_id``,
            ``state``, ``version_id``, ``canonical_key``, ``local_id``, ``code`` (of the source), ``as_of``,
            and the flag's columns, empty without a flag. ``has_held_sealed`` tells whether a record that is
            sealed now was ever of the person.
        """
        rows: Any = self._connection.execute(_BY_EID, {"key_hash": key_hash, "eid": eid}).all()
        return (client_of(rows[0]), rows) if rows else None
