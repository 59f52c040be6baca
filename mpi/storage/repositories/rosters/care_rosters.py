"""Repository of students in care, by the source of their school.

A row joins a school's record and a child-welfare record of one person, for the days that they have in common.
It is derived from active versions and present memberships, so the same transaction that changes one of these
brings its rows up to date.
"""

from collections.abc import Collection
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    not_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import (
    CarePeriodRow,
    CareRosterRow,
    EnrollmentPeriodRow,
    MembershipRow,
    RecordRow,
    table_of,
)

_roster = table_of(CareRosterRow)
_care_period = table_of(CarePeriodRow)
_enrollment = table_of(EnrollmentPeriodRow)
_school, _care = table_of(RecordRow).alias("school"), table_of(RecordRow).alias("care")
_in_school = table_of(MembershipRow).alias("in_school")
_in_care = table_of(MembershipRow).alias("in_care")
_KEY = ("school_record_id", "care_record_id", "kind", "care_begin", "enrolled_begin")
_ACTIVE = RecordState.ACTIVE.value


class RosterRow(NamedTuple):
    """A student in care, as one pair of records says so.

    Args:
        school_record_id: record of the school.
        care_record_id: record of child welfare.
        kind: what states that the child is in care: ``flag`` or ``placement``.
        care_begin: first day in care; empty if not known.
        care_end: first day no longer in care.
        enrolled_begin: first day in this school; empty if not known.
        enrolled_end: first day no longer enrolled.
        since_commit: commit since which both have been known.
        school_source_id: source of the school's record.
        care_source_id: source of the child-welfare record.
    """

    school_record_id: int
    care_record_id: int
    kind: str
    care_begin: str
    care_end: str
    enrolled_begin: str
    enrolled_end: str
    since_commit: int
    school_source_id: int
    care_source_id: int


class RosterSources(NamedTuple):
    """Sources and kinds of statements of which a list is made.

    Args:
        schools: numbers of the sources of schools.
        cares: numbers of the sources of child welfare.
        kinds: kinds of statements that a child is in care.
    """

    schools: Collection[int]
    cares: Collection[int]
    kinds: Collection[str]


_ROW = select(*(_roster.c[name] for name in RosterRow._fields))
_VALUES = (
    _school.c.id.label("school_record_id"),
    _care.c.id.label("care_record_id"),
    _care_period.c.kind,
    _care_period.c.begin.label("care_begin"),
    _enrollment.c.begin.label("enrolled_begin"),
    _school.c.source_id.label("school_source_id"),
    _care.c.source_id.label("care_source_id"),
    _care_period.c.end.label("care_end"),
    _enrollment.c.end.label("enrolled_end"),
)
_NAMES = tuple(column.name for column in _VALUES)
_HAVE_COMMON_DAYS = and_(_care_period.c.begin < _enrollment.c.end, _enrollment.c.begin < _care_period.c.end)


def _select_pairs(first: Any, of_touched: Any = None) -> Select[Any]:  # noqa: ANN401 - SQLAlchemy's
    """Return the query of the rows that the roster should have.

    Args:
        first: the memberships that are looked up by record, ``_in_school`` or ``_in_care``; the others are
            looked up by person. A person has one scope: with a condition on it, SQLite would look up neither
            by person.
        of_touched: a condition on the records; None for all.
    """
    query = (
        select(*_VALUES)
        .select_from(_school)
        .join(_enrollment, _enrollment.c.version_id == _school.c.version_id)
        .join(_in_school, and_(_in_school.c.record_id == _school.c.id, _in_school.c.to_commit.is_(None)))
        .join(_in_care, and_(_in_care.c.person_id == _in_school.c.person_id, _in_care.c.to_commit.is_(None)))
        .join(_care, _care.c.id == _in_care.c.record_id)
        .join(_care_period, _care_period.c.version_id == _care.c.version_id)
        .where(
            _school.c.state == _ACTIVE, _care.c.state == _ACTIVE, _HAVE_COMMON_DAYS, first.c.scope == SCOPE
        )
    )
    return query if of_touched is None else query.where(of_touched)


_PAIRS_OF_SCHOOL = _select_pairs(_in_school, is_in(_school.c.id, "ids"))
_PAIRS_OF_CARE = _select_pairs(_in_care, is_in(_care.c.id, "ids"))
_ALL_PAIRS = _select_pairs(_in_care)
_MARK = tuple(
    update(_roster).where(is_in(column, "ids")).values(is_stale=True)
    for column in (_roster.c.school_record_id, _roster.c.care_record_id)
)
_DROP = tuple(
    delete(_roster).where(is_in(column, "ids"), _roster.c.is_stale)
    for column in (_roster.c.school_record_id, _roster.c.care_record_id)
)


def _insert_from(pairs: Select[Any], dialect: str) -> Any:  # noqa: ANN401 - an insert of either dialect
    """Return the statement that adds or updates the rows of a query.

    A row that is there keeps its ``since_commit``.
    """
    insertion = postgresql.insert if dialect == "postgresql" else sqlite.insert
    values = pairs.add_columns(bindparam("commit", type_=BigInteger()), false())
    statement = insertion(_roster).from_select([*_NAMES, "since_commit", "is_stale"], values)
    kept = ("school_source_id", "care_source_id", "care_end", "enrolled_end", "is_stale")
    return statement.on_conflict_do_update(
        index_elements=_KEY, set_={name: statement.excluded[name] for name in kept}
    )


_ADD = {
    dialect: tuple(_insert_from(pairs, dialect) for pairs in (_PAIRS_OF_SCHOOL, _PAIRS_OF_CARE))
    for dialect in ("sqlite", "postgresql")
}
_ON_DAY = and_(
    _roster.c.care_begin <= bindparam("day"),
    _roster.c.care_end > bindparam("day"),
    _roster.c.enrolled_begin <= bindparam("day"),
    _roster.c.enrolled_end > bindparam("day"),
)
_CURRENT = _ROW.where(
    is_in(_roster.c.school_source_id, "schools"),
    is_in(_roster.c.care_source_id, "cares"),
    is_in(_roster.c.kind, "kinds"),
    _ON_DAY,
)
_ENDED = _ROW.where(
    is_in(_roster.c.school_source_id, "schools"),
    is_in(_roster.c.care_source_id, "cares"),
    is_in(_roster.c.kind, "kinds"),
    _roster.c.care_end > bindparam("since"),
    _roster.c.care_end <= bindparam("day"),
    _roster.c.enrolled_begin <= bindparam("day"),
    _roster.c.enrolled_end > bindparam("day"),
)
_OF_SCHOOL = _ROW.where(_roster.c.school_record_id == bindparam("record"))
_OF_CARE = _ROW.where(is_in(_roster.c.care_record_id, "ids"))


class CareRosters:
    """Repository of students in care: rows of school and child-welfare records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sync(self, record_ids: Collection[int], commit_no: int) -> None:
        """Bring the rows of changed or moved records up to date.

        A row that was there before keeps the commit since which it has been there.

        Args:
            record_ids: records that changed or came to another person.
            commit_no: commit of the change.
        """
        for chunk in iter_chunks(sorted(record_ids)):
            ids = {"ids": chunk}
            for mark in _MARK:
                self._connection.execute(mark, ids)
            for addition in _ADD[self._connection.dialect.name]:
                self._connection.execute(addition, {**ids, "commit": commit_no})
            for drop in _DROP:
                self._connection.execute(drop, ids)

    def find_current(self, of: RosterSources, day: str) -> list[RosterRow]:
        """Return who is in care and enrolled on a day.

        Args:
            of: the sources and kinds of statements.
            day: the day (``YYYY-MM-DD``).
        """
        return self._read(_CURRENT, of, day=day)

    def find_ended(self, of: RosterSources, since: str, day: str) -> list[RosterRow]:
        """Return who left care between two days and is enrolled.

        Args:
            of: the sources and kinds of statements.
            since: the day after which care ended (``YYYY-MM-DD``).
            day: the day by which care ended, and on which the child is enrolled.
        """
        return self._read(_ENDED, of, since=since, day=day)

    def _read(self, query: Select[Any], of: RosterSources, **days: str) -> list[RosterRow]:
        parameters = {
            "schools": sorted(of.schools), "cares": sorted(of.cares), "kinds": sorted(of.kinds), **days,
        }  # fmt: skip
        # A row of the database has the names of a ``RosterRow``; another object for each took half the time.
        return cast("list[RosterRow]", self._connection.execute(query, parameters).all())

    def find_schools(self, care_record_ids: Collection[int]) -> list[RosterRow]:
        """Return the rows of child-welfare records, of any day."""
        return [
            RosterRow(*row)
            for chunk in iter_chunks(care_record_ids)
            for row in self._connection.execute(_OF_CARE, {"ids": chunk})
        ]

    def find_cares(self, school_record_id: int) -> list[RosterRow]:
        """Return the rows of a school's record, of any day."""
        rows = self._connection.execute(_OF_SCHOOL, {"record": school_record_id})
        return [RosterRow(*row) for row in rows]

    def count_wrong(self) -> int:
        """Count the rows that are missing, or that should not be there."""
        columns = [_roster.c[name] for name in _NAMES]
        stored, expected = select(*columns).where(not_(_roster.c.is_stale)), _ALL_PAIRS
        faults = stored.except_(expected).subquery(), expected.except_(stored).subquery()
        return sum(
            int(self._connection.execute(select(func.count()).select_from(fault)).scalar_one())
            for fault in faults
        )

    def periods(
        self, version_ids: Collection[int]
    ) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """Return the days in care and in school that versions state."""
        care: list[tuple[object, ...]] = []
        enrollments: list[tuple[object, ...]] = []
        for chunk in iter_chunks(version_ids):
            for table, rows in ((_care_period, care), (_enrollment, enrollments)):
                found = self._connection.execute(select(table).where(is_in(table.c.version_id, chunk)))
                rows += [tuple(row) for row in found]
        return care, enrollments

    def replace_periods(
        self, version_ids: Collection[int], care: list[dict[str, Any]], enrollments: list[dict[str, Any]]
    ) -> None:
        """Replace the days in care and in school that versions state."""
        for chunk in iter_chunks(version_ids):
            for table in (_care_period, _enrollment):
                self._connection.execute(delete(table).where(is_in(table.c.version_id, chunk)))
        insert_rows(self._connection, _care_period, care)
        insert_rows(self._connection, _enrollment, enrollments)
