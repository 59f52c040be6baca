"""Repository of caseworkers, their children, and visits to lists of children."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from mpi.storage.driver.bulk_rows import execute_many, insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import (
    CarePeriodRow,
    CaseloadRow,
    CaseworkerRow,
    RecordRow,
    RecordVersionRow,
    RosterVisitRow,
    table_of,
)

_caseworker = table_of(CaseworkerRow)
_caseload = table_of(CaseloadRow)
_period = table_of(CarePeriodRow)
_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_visit = table_of(RosterVisitRow)
_IS_ACTIVE = _record.c.state == RecordState.ACTIVE.value


class Caseworker(NamedTuple):
    """A caseworker, with how to reach them.

    Args:
        code: name of the caseworker's account.
        name: full name.
        phone: telephone number, as the agency writes it; None where none was sent.
        email: mail address; None where none was sent.
    """

    code: str
    name: str
    phone: str | None = None
    email: str | None = None


class StoredCaseworker(NamedTuple):
    """A caseworker with the number under which the index stores them."""

    id: int
    person: Caseworker


class CareTime(NamedTuple):
    """Days in care that a record's active version states.

    ``household`` is the token of its household.
    """

    record_id: int
    kind: str
    begin: str
    end: str
    household: str | None


class Visit(NamedTuple):
    """A day on which somebody read a list.

    ``commit_no`` is the last commit that they saw at the first reading of the day.
    """

    day: str
    commit_no: int


_COLUMNS = (_caseworker.c.code, _caseworker.c.name, _caseworker.c.phone, _caseworker.c.email)
_CHILDREN = (
    select(_caseload.c.record_id)
    .join(_caseworker, _caseworker.c.id == _caseload.c.caseworker_id)
    .where(
        is_in(_caseworker.c.source_id, "sources"),
        _caseworker.c.code == bindparam("code"),
        _caseload.c.to_commit.is_(None),
    )
)
_CASEWORKERS_OF = (
    select(_caseload.c.record_id, *_COLUMNS)
    .join(_caseworker, _caseworker.c.id == _caseload.c.caseworker_id)
    .where(is_in(_caseload.c.record_id, "ids"), _caseload.c.to_commit.is_(None))
    .order_by(_caseload.c.record_id, _caseworker.c.code)
)
_TIMES = select(_record.c.id, _period.c.kind, _period.c.begin, _period.c.end, _period.c.household).join(
    _period, _period.c.version_id == _record.c.version_id
)
_TIMES_OF_RECORDS = _TIMES.where(is_in(_record.c.id, "ids"), _IS_ACTIVE)
_TIMES_OF_HOUSEHOLDS = (
    select(
        _record.c.id, _period.c.kind, _period.c.begin, _period.c.end, _period.c.household, _record.c.source_id
    )
    .join(_version, _version.c.id == _period.c.version_id)
    .join(_record, and_(_record.c.id == _version.c.record_id, _record.c.version_id == _period.c.version_id))
    .where(is_in(_period.c.household, "households"), _IS_ACTIVE)
)
"""Without a condition on sources, by which SQLite would read all records of a source."""
_CURRENT = (
    select(_caseload.c.record_id, _caseload.c.caseworker_id)
    .join(_record, _record.c.id == _caseload.c.record_id)
    .where(_record.c.source_id == bindparam("source"), _caseload.c.to_commit.is_(None))
)
_END = (
    update(_caseload)
    .where(
        _caseload.c.record_id == bindparam("record"),
        _caseload.c.caseworker_id == bindparam("worker"),
        _caseload.c.to_commit.is_(None),
    )
    .values(to_commit=bindparam("ended"))
)
_UPDATE = (
    update(_caseworker)
    .where(_caseworker.c.id == bindparam("number"))
    .values(name=bindparam("new_name"), phone=bindparam("new_phone"), email=bindparam("new_email"))
)
_IS_VISITOR = and_(_visit.c.client == bindparam("visitor"), _visit.c.list == bindparam("name"))


class Caseloads:
    """Repository of caseworkers and the children whose cases they have."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def caseworkers(self, source_id: int) -> dict[str, StoredCaseworker]:
        """Return the caseworkers of a source, by code."""
        query = select(_caseworker.c.id, *_COLUMNS).where(_caseworker.c.source_id == source_id)
        return {
            row.code: StoredCaseworker(row.id, Caseworker(*row[1:]))
            for row in self._connection.execute(query)
        }

    def add_caseworkers(self, source_id: int, first: int, people: Iterable[Caseworker]) -> None:
        """Add caseworkers of a source, with numbers from a first one on."""
        insert_rows(
            self._connection,
            _caseworker,
            [{"id": number, "source_id": source_id, **p._asdict()} for number, p in enumerate(people, first)],
        )

    def update_caseworkers(self, people: Mapping[int, Caseworker]) -> None:
        """Change names and addresses of caseworkers, by number."""
        rows = [
            {"number": number, "new_name": p.name, "new_phone": p.phone, "new_email": p.email}
            for number, p in people.items()
        ]
        execute_many(self._connection, _UPDATE, rows)

    def current_pairs(self, source_id: int) -> set[tuple[int, int]]:
        """Return the present (record, caseworker) numbers of a source."""
        return {(row[0], row[1]) for row in self._connection.execute(_CURRENT, {"source": source_id})}

    def change(
        self, commit_no: int, ended: Iterable[tuple[int, int]], begun: Iterable[tuple[int, int]]
    ) -> None:
        """End some (record, caseworker) pairs and begin others."""
        rows = [{"record": record, "worker": worker, "ended": commit_no} for record, worker in ended]
        execute_many(self._connection, _END, rows)
        insert_rows(
            self._connection,
            _caseload,
            [
                {"record_id": record, "caseworker_id": worker, "from_commit": commit_no, "to_commit": None}
                for record, worker in begun
            ],
        )

    def children_of(self, source_ids: Collection[int], code: str) -> list[int]:
        """Return the child-welfare records of a caseworker's children."""
        if not source_ids:
            return []
        rows = self._connection.execute(_CHILDREN, {"sources": sorted(source_ids), "code": code})
        return sorted(set(rows.scalars()))

    def caseworkers_of(self, record_ids: Collection[int]) -> dict[int, Caseworker]:
        """Return the caseworker of each record that has one.

        Of several, it is the first by code.
        """
        people: dict[int, Caseworker] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_CASEWORKERS_OF, {"ids": chunk}):
                people.setdefault(row.record_id, Caseworker(*row[1:]))
        return people

    def care_times(self, record_ids: Collection[int]) -> list[CareTime]:
        """Return the days in care that records' active versions state."""
        return [
            CareTime(*row)
            for chunk in iter_chunks(record_ids)
            for row in self._connection.execute(_TIMES_OF_RECORDS, {"ids": chunk})
        ]

    def care_times_of_households(
        self, households: Collection[str], source_ids: Collection[int]
    ) -> list[CareTime]:
        """Return the days in care of all records of households."""
        return [
            CareTime(*row[:-1])
            for chunk in iter_chunks(households)
            for row in self._connection.execute(_TIMES_OF_HOUSEHOLDS, {"households": chunk})
            if row.source_id in source_ids
        ]

    def visits(self, client: str, name: str) -> list[Visit]:
        """Return the days on which somebody read a list, oldest first."""
        query = select(_visit.c.day, _visit.c.commit_no).where(_IS_VISITOR).order_by(_visit.c.day)
        rows = self._connection.execute(query, {"visitor": client, "name": name})
        return [Visit(*row) for row in rows]

    def add_visit(self, client: str, name: str, visit: Visit, kept_since: str) -> None:
        """Store a visit, and forget the client's visits before a day."""
        key = {"visitor": client, "name": name}
        self._connection.execute(delete(_visit).where(_visit.c.client == client, _visit.c.day < kept_since))
        is_there = select(_visit.c.day).where(_IS_VISITOR, _visit.c.day == visit.day)
        if self._connection.execute(is_there, key).first() is None:
            self._connection.execute(
                insert(_visit).values(client=client, list=name, day=visit.day, commit_no=visit.commit_no)
            )
