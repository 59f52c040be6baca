"""Repository of changes of enterprise IDs, counted by the database."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, distinct, func, or_, select, union

from mpi.storage.repositories.persons.identity_events import RENAMED, SCOPE, SETTLED
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.tables import CommitRow, IdentityEventRow, MembershipRow, PersonRow, table_of

_event = table_of(IdentityEventRow)
_member = table_of(MembershipRow)
_person = table_of(PersonRow)
_commit = table_of(CommitRow)
_DAY = len("2026-01-01")


@dataclass(frozen=True, slots=True)
class LostIds:
    """IDs that lost records on one day by one cause.

    Args:
        day: the day, ``YYYY-MM-DD``.
        cause: kind of the change, such as ``load``.
        merged: IDs that retired, with all records at one other ID.
        divided: IDs that retired, with records at several others.
        emptied: IDs whose records were all withdrawn.
        split: IDs that stayed in force and gave records to others.
        moved: records that went from one ID to another.
    """

    day: str
    cause: str
    merged: int
    divided: int
    emptied: int
    split: int
    moved: int


@dataclass(frozen=True, slots=True)
class StableIds:
    """How many IDs of an earlier commit are as they were.

    Args:
        ids: IDs that held records then.
        retired: of these, IDs that retired since.
        changed: of these, IDs that gave records to others, or got records that others held; retired ones too.
        records: records that had an ID then and have one now.
        moved: of these, records with another ID.
    """

    ids: int
    retired: int
    changed: int
    records: int
    moved: int


class IdChanges:
    """Repository of counts of changes of enterprise IDs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_created(self, since: int) -> dict[tuple[str, str], int]:
        """Count IDs that were created after a commit, by day and cause."""
        day = func.substr(_commit.c.at, 1, _DAY).label("day")
        rows = self._connection.execute(
            select(day, _event.c.cause, func.count(distinct(_event.c.after)))
            .select_from(_event)
            .join(_commit, _commit.c.no == _event.c.commit_no)
            .join(
                _person,
                and_(_person.c.id == _event.c.after, _person.c.minted_commit == _event.c.commit_no),
            )
            .where(_event.c.commit_no > since)
            .group_by("day", _event.c.cause)
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def count_lost(self, since: int) -> list[LostIds]:
        """Count IDs that lost records after a commit, by day and cause.

        An ID that lives again is not counted as retired.
        """
        left = (
            select(
                _event.c.commit_no,
                _event.c.cause,
                _event.c.before,
                func.count(distinct(_event.c.after)).label("targets"),
                func.count(_event.c.after).label("moved"),
            )
            .where(
                _event.c.commit_no > since,
                _event.c.before.is_not(None),
                or_(_event.c.after.is_(None), _event.c.after != _event.c.before),
                _event.c.cause.not_in((SETTLED, RENAMED)),
            )
            .group_by(_event.c.commit_no, _event.c.cause, _event.c.before)
            .subquery()
        )
        ended = func.coalesce(_person.c.retired_commit, 0) == left.c.commit_no
        retired = and_(ended, _person.c.status == PersonStatus.RETIRED.value)
        classes = (
            and_(retired, left.c.targets <= 1),
            and_(retired, left.c.targets > 1),
            and_(ended, _person.c.status != PersonStatus.RETIRED.value),
            and_(~ended, left.c.targets > 0),
        )
        day = func.substr(_commit.c.at, 1, _DAY).label("day")
        rows = self._connection.execute(
            select(
                day,
                left.c.cause,
                *(func.sum(case((condition, 1), else_=0)) for condition in classes),
                func.sum(left.c.moved),
            )
            .select_from(left)
            .join(_person, _person.c.id == left.c.before)
            .join(_commit, _commit.c.no == left.c.commit_no)
            .group_by("day", left.c.cause)
            .order_by("day", left.c.cause)
        )
        return [LostIds(row[0], row[1], *(int(count) for count in row[2:])) for row in rows]

    def count_stable(self, commit_no: int) -> StableIds:
        """Count the IDs of a commit, and those that changed since."""
        then, now = _member.alias("membership_then"), _member.alias("membership_now")
        held = and_(
            then.c.scope == SCOPE,
            then.c.from_commit <= commit_no,
            or_(then.c.to_commit.is_(None), then.c.to_commit > commit_no),
        )
        total = self._connection.execute(
            select(func.count(distinct(then.c.person_id))).where(held)
        ).scalar_one()
        retired = self._connection.execute(
            select(func.count(distinct(then.c.person_id)))
            .select_from(then)
            .join(_person, _person.c.id == then.c.person_id)
            .where(
                held,
                _person.c.status == PersonStatus.RETIRED.value,
                _person.c.retired_commit > commit_no,
            )
        ).scalar_one()
        both = and_(
            held, now.c.scope == SCOPE, now.c.record_id == then.c.record_id, now.c.to_commit.is_(None)
        )
        moves = and_(both, now.c.person_id != then.c.person_id)
        records, moved = self._connection.execute(
            select(
                func.count(),
                func.coalesce(func.sum(case((now.c.person_id != then.c.person_id, 1), else_=0)), 0),
            ).where(both)
        ).one()
        touched = union(
            select(then.c.person_id.label("person")).where(moves),
            select(now.c.person_id.label("person")).where(moves),
        ).subquery()
        changed = self._connection.execute(
            select(func.count(distinct(then.c.person_id))).where(
                held, then.c.person_id.in_(select(touched.c.person))
            )
        ).scalar_one()
        return StableIds(total, retired, changed, records, int(moved))
