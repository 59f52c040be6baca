"""Repository of records that clients sent as new, and of earlier records of the same children."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, func, or_, select

from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.tables import CommitRow, MembershipRow, RecordRow, table_of

_commit = table_of(CommitRow)
_member = table_of(MembershipRow)
_record = table_of(RecordRow)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """An active record that a client sent one by one.

    Args:
        record_id: its number.
        at: when it came first (ISO, UTC).
        client: who sent it.
        person_id: number of its present person.
        was_alone: whether its first person held no other record then.
        has_older: whether its present person holds an older record.
        has_older_of_source: whether it holds an older one of the same source.
    """

    record_id: int
    at: str
    client: str
    person_id: int
    was_alone: bool
    has_older: bool
    has_older_of_source: bool


class NewRecords:
    """Repository of records that clients sent as new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def iterate(self, after: int, kind: str) -> Iterator[NewRecord]:
        """Yield active records that came by a kind of commit, oldest first.

        Args:
            after: number of the commit after which they came.
            kind: kind of the commit, such as ``upsert``.
        """
        first, present = _member.alias("first_member"), _member.alias("present_member")
        earlier, other = _member.alias("earlier"), _member.alias("other")
        older, older_record = _member.alias("older"), _record.alias("older_record")
        had_one_before = exists(
            select(1).where(
                earlier.c.scope == SCOPE,
                earlier.c.record_id == first.c.record_id,
                earlier.c.from_commit < first.c.from_commit,
            )
        )
        was_with_others = exists(
            select(1).where(
                other.c.scope == SCOPE,
                other.c.person_id == first.c.person_id,
                other.c.record_id != first.c.record_id,
                other.c.from_commit <= first.c.from_commit,
                or_(other.c.to_commit.is_(None), other.c.to_commit > first.c.from_commit),
            )
        )
        older_members = (
            select(1)
            .select_from(older)
            .join(older_record, older_record.c.id == older.c.record_id)
            .where(
                older.c.scope == SCOPE,
                older.c.person_id == present.c.person_id,
                older.c.to_commit.is_(None),
                # A bare comparison would make SQLite look through all older records of the index.
                older.c.record_id + 0 < first.c.record_id,
                older_record.c.state == "active",
            )
        )
        rows = self._connection.execute(
            select(
                first.c.record_id,
                _commit.c.at,
                _commit.c.client,
                present.c.person_id,
                ~was_with_others,
                exists(older_members),
                exists(older_members.where(older_record.c.source_id == _record.c.source_id)),
            )
            .select_from(first)
            .join(_commit, _commit.c.no == first.c.from_commit)
            .join(_record, _record.c.id == first.c.record_id)
            .join(
                present,
                and_(
                    present.c.scope == SCOPE,
                    present.c.record_id == first.c.record_id,
                    present.c.to_commit.is_(None),
                ),
            )
            .where(
                first.c.from_commit > after,
                # Likewise: SQLite shall look for the commits, and not through the scope.
                func.coalesce(first.c.scope, "") == SCOPE,
                first.c.cause == kind,
                _commit.c.kind == kind,
                _record.c.state == "active",
                ~had_one_before,
            )
            .order_by(_commit.c.no, first.c.record_id)
        )
        for row in rows:
            yield NewRecord(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), bool(row[6]))
