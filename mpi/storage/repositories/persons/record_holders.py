"""Repository of present persons, each read with its records in one query."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import MembershipRow, PersonRow, RecordRow, SourceRow, table_of

_person = table_of(PersonRow)
_member = table_of(MembershipRow)
_record = table_of(RecordRow)
_source = table_of(SourceRow)


@dataclass(frozen=True, slots=True)
class RecordHolder:
    """The person that a record belongs to now, with that person's records.

    Args:
        person_id: number of the person.
        eid: enterprise ID of the person.
        sources: source code by record number, for all records of the person except sealed ones.
    """

    person_id: int
    eid: str
    sources: dict[int, str]


_record_membership, _person_membership = _member.alias("mine"), _member.alias("theirs")
_HOLDER = (
    select(_person.c.id, _person.c.eid, _person_membership.c.record_id, _source.c.code, _record.c.state)
    .select_from(_record_membership)
    .join(_person, _person.c.id == _record_membership.c.person_id)
    .join(
        _person_membership,
        and_(
            _person_membership.c.person_id == _record_membership.c.person_id,
            _person_membership.c.to_commit.is_(None),
        ),
    )
    .join(_record, _record.c.id == _person_membership.c.record_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(
        _record_membership.c.scope == SCOPE,
        _record_membership.c.record_id == bindparam("record"),
        _record_membership.c.to_commit.is_(None),
    )
)
_FELLOW_RECORDS = (
    select(_record_membership.c.record_id, _person_membership.c.record_id.label("fellow"))
    .join(
        _person_membership,
        and_(
            _person_membership.c.person_id == _record_membership.c.person_id,
            _person_membership.c.to_commit.is_(None),
        ),
    )
    .where(
        _record_membership.c.scope == SCOPE,
        is_in(_record_membership.c.record_id, "ids"),
        _record_membership.c.to_commit.is_(None),
        _person_membership.c.record_id != _record_membership.c.record_id,
    )
)


class RecordHolders:
    """Repository of the persons that hold records now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def request_holder(self, record_id: int) -> Callable[[], RecordHolder | None]:
        """Request the person that holds a record now; return a reading function.

        The function reads the result once. On PostgreSQL, work done in between need not wait for it.
        """
        result = self._connection.execute(_HOLDER, {"record": record_id})

        def read() -> RecordHolder | None:
            rows = result.all()
            if not rows:
                return None
            sources = {row.record_id: row.code for row in rows if row.state != RecordState.SEALED}
            return RecordHolder(rows[0].id, rows[0].eid, sources)

        return read

    def fellow_records(self, record_ids: Collection[int]) -> dict[int, list[int]]:
        """Return the other records of each record's present person.

        Records that are their person's only one are left out.
        """
        fellows: dict[int, list[int]] = {}
        for chunk in iter_chunks(record_ids):
            for record, fellow in self._connection.execute(_FELLOW_RECORDS, {"ids": chunk}):
                fellows.setdefault(record, []).append(fellow)
        return fellows
