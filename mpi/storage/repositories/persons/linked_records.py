"""Repository of records linked with records of another kind of source."""

from typing import NamedTuple

from sqlalchemy import Connection, distinct, func, select

from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.tables import MembershipRow, RecordRow, SourceRow, table_of

_record = table_of(RecordRow)
_source = table_of(SourceRow)
_member = table_of(MembershipRow)


class LinkedRecord(NamedTuple):
    """An active record of a person whom several kinds of sources know.

    Args:
        person_id: number of the person.
        record_id: number of the record.
        source_id: number of its source.
    """

    person_id: int
    record_id: int
    source_id: int


class LinkedRecords:
    """Repository of records linked with records of another kind of source."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_linked(self, every: int) -> list[LinkedRecord]:
        """Return the active records of persons whom several kinds know.

        They are ordered by person and record.

        Args:
            every: one person of so many is looked at, by its number; 1 for all.
        """
        active = (
            select(_member.c.person_id, _record.c.id, _record.c.source_id, _source.c.kind)
            .select_from(_member)
            .join(_record, _record.c.id == _member.c.record_id)
            .join(_source, _source.c.id == _record.c.source_id)
            .where(
                _member.c.scope == SCOPE,
                _member.c.to_commit.is_(None),
                _member.c.person_id % every == 0,
                _record.c.state == "active",
            )
            .subquery()
        )
        shared = (
            select(active.c.person_id)
            .group_by(active.c.person_id)
            .having(func.count(distinct(active.c.kind)) > 1)
        )
        rows = self._connection.execute(
            select(active.c.person_id, active.c.id, active.c.source_id)
            .where(active.c.person_id.in_(shared))
            .order_by(active.c.person_id, active.c.id)
        )
        return [LinkedRecord(*row) for row in rows]
