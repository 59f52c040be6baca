"""Repository of records that clients sent as new."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.tables import CommitRow, MembershipRow, RecordRow, table_of

_commit = table_of(CommitRow)
_member = table_of(MembershipRow)
_record = table_of(RecordRow)
_first, _present = _member.alias("first_member"), _member.alias("present_member")
_older_record = _record.alias("older_record")


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
        for row in self._connection.execute(_select_new_records(after, kind)):
            yield NewRecord(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), bool(row[6]))


def _select_new_records(after: int, kind: str) -> Select[Any]:
    """Return the query of the new records, with the columns of ``NewRecord``."""
    older_members = _select_older_members()
    is_present = and_(
        _present.c.scope == SCOPE,
        _present.c.record_id == _first.c.record_id,
        _present.c.to_commit.is_(None),
    )
    return (
        select(
            _first.c.record_id,
            _commit.c.at,
            _commit.c.client,
            _present.c.person_id,
            ~_was_with_others(),
            exists(older_members),
            exists(older_members.where(_older_record.c.source_id == _record.c.source_id)),
        )
        .select_from(_first)
        .join(_commit, _commit.c.no == _first.c.from_commit)
        .join(_record, _record.c.id == _first.c.record_id)
        .join(_present, is_present)
        .where(
            _first.c.from_commit > after,
            # A bare comparison would make SQLite look through the whole scope, and not for the commits.
            func.coalesce(_first.c.scope, "") == SCOPE,
            _first.c.cause == kind,
            _commit.c.kind == kind,
            _record.c.state == "active",
            ~_had_person_before(),
        )
        .order_by(_commit.c.no, _first.c.record_id)
    )


def _had_person_before() -> ColumnElement[bool]:
    """Return the condition that the record had a person before."""
    earlier = _member.alias("earlier")
    return exists(
        select(1).where(
            earlier.c.scope == SCOPE,
            earlier.c.record_id == _first.c.record_id,
            earlier.c.from_commit < _first.c.from_commit,
        )
    )


def _was_with_others() -> ColumnElement[bool]:
    """Return the condition that its first person held another record then."""
    other = _member.alias("other")
    return exists(
        select(1).where(
            other.c.scope == SCOPE,
            other.c.person_id == _first.c.person_id,
            other.c.record_id != _first.c.record_id,
            other.c.from_commit <= _first.c.from_commit,
            or_(other.c.to_commit.is_(None), other.c.to_commit > _first.c.from_commit),
        )
    )


def _select_older_members() -> Select[Any]:
    """Return the query of the older active records of its present person."""
    older = _member.alias("older")
    return (
        select(1)
        .select_from(older)
        .join(_older_record, _older_record.c.id == older.c.record_id)
        .where(
            older.c.scope == SCOPE,
            older.c.person_id == _present.c.person_id,
            older.c.to_commit.is_(None),
            # A bare comparison would make SQLite look through all older records of the index.
            older.c.record_id + 0 < _first.c.record_id,
            _older_record.c.state == "active",
        )
    )
