"""Repository of persons and of their record memberships over time."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, update

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all, prefetch
from mpi.storage.repositories.persons.identity_events import SCOPE, insert_events
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import MembershipRow, PersonRow, RecordRow, table_of

_person = table_of(PersonRow)
_member = table_of(MembershipRow)
_record = table_of(RecordRow)


class PersonStatus(StrEnum):
    """Status of a person's enterprise ID."""

    ACTIVE = "active"
    RETIRED = "retired"
    EMPTY = "empty"
    SEALED = "sealed"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Person:
    """A person: an enterprise ID and its status.

    Args:
        id: number of the person.
        eid: enterprise ID.
        status: a ``PersonStatus``.
        minted_commit: commit number at which the ID was minted.
        retired_commit: commit number at which it was retired or emptied.
    """

    id: int
    eid: str
    status: str
    minted_commit: int
    retired_commit: int | None


@dataclass(frozen=True, slots=True)
class Membership:
    """Membership of a record in a person, for commits ``[from_commit, to_commit)``."""

    record_id: int
    person_id: int
    from_commit: int
    to_commit: int | None
    cause: str


_PERSON = select(
    _person.c.id, _person.c.eid, _person.c.status, _person.c.minted_commit, _person.c.retired_commit
)
MAX_CACHED_RECORDS = 1_000
"""Records up to which memberships are cached until the transaction ends."""

_MEMBERSHIP_COLUMNS = (
    _member.c.record_id,
    _member.c.person_id,
    _member.c.from_commit,
    _member.c.to_commit,
    _member.c.cause,
)
_MEMBERSHIP = select(*_MEMBERSHIP_COLUMNS).where(_member.c.scope == SCOPE)

# Module constants: composing a statement costs more than SQLite takes to run it.
_PERSONS = _PERSON.where(is_in(_person.c.id, "ids"))
_BY_EID = _PERSON.where(_person.c.eid == bindparam("eid"))
_BY_EIDS = _PERSON.where(is_in(_person.c.eid, "eids"))
_IS_CURRENT = _member.c.to_commit.is_(None)
_IS_IN_FORCE_AT = and_(
    _member.c.from_commit <= bindparam("at"),
    or_(_member.c.to_commit.is_(None), _member.c.to_commit > bindparam("at")),
)
_SEALED_EVER_HELD = (
    select(_member.c.record_id)
    .join(_record, _record.c.id == _member.c.record_id)
    .where(_member.c.person_id == bindparam("person"), _record.c.state == RecordState.SEALED.value)
    .limit(1)
)
_ALL_CURRENT = select(_member.c.record_id, _member.c.person_id).where(_member.c.scope == SCOPE, _IS_CURRENT)
_IS_OF_RECORDS = is_in(_member.c.record_id, "ids")
_MEMBERSHIPS_OF_RECORDS = _MEMBERSHIP.where(_IS_OF_RECORDS)
_CURRENT_OF_RECORDS, _AT_OF_RECORDS = (
    _MEMBERSHIPS_OF_RECORDS.where(_IS_CURRENT),
    _MEMBERSHIPS_OF_RECORDS.where(_IS_IN_FORCE_AT),
)
# A person has one scope. With a scope condition, SQLite would scan the primary key, which begins with it.
_MEMBERSHIPS_OF_PERSONS = select(*_MEMBERSHIP_COLUMNS).where(is_in(_member.c.person_id, "ids"))
_CURRENT_OF_PERSONS, _AT_OF_PERSONS = (
    _MEMBERSHIPS_OF_PERSONS.where(_IS_CURRENT),
    _MEMBERSHIPS_OF_PERSONS.where(_IS_IN_FORCE_AT),
)
_HISTORY = (
    select(
        *_MEMBERSHIP_COLUMNS,
        *(column.label(f"person_{column.name}") for column in _PERSON.selected_columns),
    )
    .join(_person, _person.c.id == _member.c.person_id)
    .where(
        _member.c.person_id.in_(
            select(_member.c.person_id).where(_member.c.scope == SCOPE, _IS_OF_RECORDS).correlate(None)
        )
    )
)
"""All memberships of all persons that ever held given records."""
_PERSONS_OF_RECORDS = select(_member.c.person_id).where(_member.c.scope == SCOPE, _IS_OF_RECORDS).distinct()
_END_MEMBERSHIP = (
    update(_member)
    .where(
        _member.c.scope == SCOPE, _member.c.record_id == bindparam("record"), _member.c.to_commit.is_(None)
    )
    .values(to_commit=bindparam("ended"))
)


def _held_records(person: Person, memberships: Iterable[Membership]) -> set[int]:
    """Return the records that a person holds, or held when retired."""
    ended = person.retired_commit if person.status == PersonStatus.RETIRED else None
    return {m.record_id for m in memberships if m.to_commit == ended}


class Persons:
    """Repository of persons and their records, now and at any commit.

    Attributes:
        moved_ids: records that this transaction moved between persons.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._histories: dict[int, list[Membership]] = {}
        self._memberships_by_person: dict[int, list[Membership]] = {}
        self._persons: dict[int, Person] = {}
        self.moved_ids: set[int] = set()

    def mark_unassigned(self, record_ids: Iterable[int]) -> None:
        """Cache that records new in this transaction belong to no person."""
        self._histories.update({record: [] for record in record_ids})

    def prefetch_histories(self, record_ids: Collection[int]) -> None:
        """Send the query of ``load_histories`` ahead of its use."""
        if missing := self._uncached(record_ids):
            prefetch(self._connection, _HISTORY, {"ids": missing})

    def load_histories(self, record_ids: Collection[int]) -> None:
        """Cache all memberships that assigning a few records to persons reads.

        One query covers the records' memberships in persons, every person that ever held one of the records,
        and all memberships of these persons.
        """
        missing = self._uncached(record_ids)
        if not missing:
            return
        memberships_by_record: dict[int, list[Membership]] = {record: [] for record in missing}
        memberships_by_person: dict[int, list[Membership]] = {}
        column_count = len(_MEMBERSHIP_COLUMNS)
        for row in self._connection.execute(_HISTORY, {"ids": missing}):
            membership = Membership(*row[:column_count])
            memberships_by_person.setdefault(membership.person_id, []).append(membership)
            self._persons[membership.person_id] = Person(*row[column_count:])
            if membership.record_id in memberships_by_record:
                memberships_by_record[membership.record_id].append(membership)
        self._memberships_by_person |= memberships_by_person
        self._histories |= memberships_by_record

    def _uncached(self, record_ids: Collection[int]) -> list[int]:
        return (
            []
            if len(record_ids) > MAX_CACHED_RECORDS
            else [r for r in record_ids if r not in self._histories]
        )

    def _clear_cache(self) -> None:
        for cache in (self._histories, self._memberships_by_person, self._persons):
            cache.clear()

    def by_ids(self, person_ids: Collection[int]) -> dict[int, Person]:
        """Return persons by person number."""
        if person_ids and all(number in self._persons for number in person_ids):
            return {number: self._persons[number] for number in person_ids}
        persons = {}
        for chunk in iter_chunks(person_ids):
            rows = self._connection.execute(_PERSONS, {"ids": chunk})
            persons.update({row.id: Person(*row) for row in rows})
        return persons

    def find_by_eid(self, eid: str) -> Person | None:
        """Return the person with an enterprise ID, of any status, or None."""
        row = self._connection.execute(_BY_EID, {"eid": eid}).first()
        return None if row is None else Person(*row)

    def find_by_eids(self, eids: Collection[str]) -> dict[str, Person]:
        """Return the persons of any status that enterprise IDs name, by ID."""
        persons: dict[str, Person] = {}
        for chunk in iter_chunks(eids):
            rows = self._connection.execute(_BY_EIDS, {"eids": chunk})
            persons.update({row.eid: Person(*row) for row in rows})
        return persons

    def all(self) -> list[Person]:
        """Return every person ever minted, oldest first."""
        return [Person(*row) for row in self._connection.execute(_PERSON.order_by(_person.c.id))]

    def counts(self) -> dict[str, int]:
        """Count persons, by status."""
        rows = self._connection.execute(select(_person.c.status, func.count()).group_by(_person.c.status))
        return {row[0]: row[1] for row in rows}

    def current_persons(self, record_ids: Collection[int]) -> dict[int, int]:
        """Return the present person of each record that has one."""
        if len(record_ids) > MAX_CACHED_RECORDS:
            return {
                row[0]: row[1]
                for chunk in iter_chunks(self._drop_unassigned(record_ids))
                for row in self._connection.execute(_CURRENT_OF_RECORDS, {"ids": chunk})
            }
        return {
            m.record_id: m.person_id for m in self._cached_memberships_of(record_ids) if m.to_commit is None
        }

    def members(self, person_ids: Collection[int]) -> dict[int, list[int]]:
        """Return the records that each person holds now, ascending."""
        records_by_person: dict[int, list[int]] = {person: [] for person in person_ids}
        if all(person in self._memberships_by_person for person in records_by_person):
            memberships = [
                m
                for person in records_by_person
                for m in self._memberships_by_person[person]
                if m.to_commit is None
            ]
        else:
            memberships = self._read_memberships(_CURRENT_OF_PERSONS, person_ids)
        for membership in memberships:
            records_by_person[membership.person_id].append(membership.record_id)
        return {person: sorted(records) for person, records in records_by_person.items()}

    def members_at(self, person_id: int, commit_no: int) -> list[int]:
        """Return the records that a person held after a commit, ascending."""
        memberships = self._read_memberships(_AT_OF_PERSONS, [person_id], at=commit_no)
        return sorted(membership.record_id for membership in memberships)

    def members_by_person_at(self, person_ids: Collection[int], commit_no: int) -> dict[int, set[int]]:
        """Return the records that each person held after a commit."""
        records_by_person: dict[int, set[int]] = {}
        for membership in self._read_memberships(_AT_OF_PERSONS, person_ids, at=commit_no):
            records_by_person.setdefault(membership.person_id, set()).add(membership.record_id)
        return records_by_person

    def person_at(self, record_id: int, commit_no: int) -> int | None:
        """Return the person that held a record after a commit, or None."""
        memberships = self._read_memberships(_AT_OF_RECORDS, [record_id], at=commit_no)
        return memberships[0].person_id if memberships else None

    def persons_ever_holding(self, record_ids: Collection[int]) -> set[int]:
        """Return every person that ever held one of the records."""
        if len(record_ids) <= MAX_CACHED_RECORDS:
            return {m.person_id for m in self._cached_memberships_of(record_ids)}
        person_ids: set[int] = set()
        for chunk in iter_chunks(self._drop_unassigned(record_ids)):
            person_ids.update(row[0] for row in self._connection.execute(_PERSONS_OF_RECORDS, {"ids": chunk}))
        return person_ids

    def _drop_unassigned(self, record_ids: Iterable[int]) -> list[int]:
        """Return records without those that are known to belong to no person."""
        return [record for record in record_ids if self._histories.get(record) != []]

    def persons_left_by(self, source_id: int) -> set[int]:
        """Return every person that lost a source's record to another person.

        Sealed records do not count. The cost follows from the records of the source.
        """
        earlier, later = _member.alias("earlier"), _member.alias("later")
        came_to_another = (
            select(1)
            .where(
                later.c.scope == SCOPE,
                later.c.record_id == earlier.c.record_id,
                later.c.from_commit >= earlier.c.to_commit,
                later.c.person_id != earlier.c.person_id,
            )
            .exists()
        )
        query = (
            select(earlier.c.person_id)
            .join(_record, _record.c.id == earlier.c.record_id)
            .where(
                earlier.c.scope == SCOPE,
                _record.c.source_id == source_id,
                _record.c.state != RecordState.SEALED.value,
                earlier.c.to_commit.is_not(None),
                came_to_another,
            )
            .distinct()
        )
        return set(self._connection.execute(query).scalars())

    def memberships_of(self, record_ids: Collection[int]) -> dict[int, list[Membership]]:
        """Return each record's memberships in persons, past and present."""
        memberships_by_record: dict[int, list[Membership]] = {record: [] for record in record_ids}
        for membership in self._read_memberships(_MEMBERSHIPS_OF_RECORDS, record_ids):
            memberships_by_record[membership.record_id].append(membership)
        return memberships_by_record

    def _cached_memberships_of(self, record_ids: Collection[int]) -> list[Membership]:
        """Return records' memberships in persons, past and present, from a cache.

        The cache lasts for the transaction. Assigning a record to a person needs them four times.
        """
        missing = [record for record in record_ids if record not in self._histories]
        self._histories.update({record: [] for record in missing})
        for membership in self._read_memberships(_MEMBERSHIPS_OF_RECORDS, missing):
            self._histories[membership.record_id].append(membership)
        return [m for record in record_ids for m in self._histories[record]]

    def last_held_records(self, persons: Iterable[Person]) -> dict[int, set[int]]:
        """Return each person's present records, or its last ones.

        An emptied person, and one retired while empty, claims every record whose latest person it was.
        """
        by_id = {person.id: person for person in persons}
        memberships_by_person: dict[int, list[Membership]] = {number: [] for number in by_id}
        cached_persons = [number for number in by_id if number in self._memberships_by_person]
        memberships_by_person.update(
            {number: self._memberships_by_person[number] for number in cached_persons}
        )
        for membership in self._read_memberships(
            _MEMBERSHIPS_OF_PERSONS, [n for n in by_id if n not in self._memberships_by_person]
        ):
            memberships_by_person[membership.person_id].append(membership)
        records_by_person = {
            n: _held_records(person, memberships_by_person[n]) for n, person in by_id.items()
        }
        claimants = {
            n: person
            for n, person in by_id.items()
            if not records_by_person[n] and person.status != PersonStatus.ACTIVE
        }
        for number, record in self._find_claimed_records(
            claimants, {m.record_id for n in claimants for m in memberships_by_person[n]}
        ):
            records_by_person[number].add(record)
        return records_by_person

    def _find_claimed_records(
        self, persons: Mapping[int, Person], record_ids: Collection[int]
    ) -> Iterator[tuple[int, int]]:
        """Yield (person, record) where the person was the record's latest one.

        Memberships after the person's retirement do not count.
        """
        memberships_by_record: dict[int, list[Membership]] = {}
        for membership in self._read_memberships(_MEMBERSHIPS_OF_RECORDS, record_ids):
            memberships_by_record.setdefault(membership.record_id, []).append(membership)
        for record, memberships in memberships_by_record.items():
            for number in {m.person_id for m in memberships} & persons.keys():
                end_commit = persons[number].retired_commit
                if persons[number].status == PersonStatus.EMPTY:
                    end_commit = None
                earlier_memberships = [
                    m for m in memberships if end_commit is None or m.from_commit < end_commit
                ]
                if max(earlier_memberships, key=lambda m: m.from_commit).person_id == number:
                    yield number, record

    def _read_memberships(
        self, statement: Select[Any], ids: Collection[int], **parameters: int
    ) -> list[Membership]:
        return [
            Membership(*row)
            for chunk in iter_chunks(ids)
            for row in self._connection.execute(statement, {"ids": chunk, **parameters})
        ]

    def all_current_persons(self) -> dict[int, int]:
        """Return the present person of every record that has one."""
        return {row[0]: row[1] for row in fetch_all(self._connection, _ALL_CURRENT)}

    def all_memberships(self) -> list[Membership]:
        """Return every record's memberships in persons, by record and time.

        Past and present ones are included.
        """
        rows = self._connection.execute(_MEMBERSHIP.order_by(_member.c.record_id, _member.c.from_commit))
        return [Membership(*row) for row in rows]

    def mint(self, rows: list[dict[str, Any]]) -> None:
        """Add new persons, as rows of number, enterprise ID and commit.

        The columns are ``id``, ``eid`` and ``minted_commit``.
        """
        status = PersonStatus.ACTIVE.value
        self._clear_cache()
        insert_rows(self._connection, _person, [{**row, "scope": SCOPE, "status": status} for row in rows])

    def set_status(self, person_ids: Iterable[int], status: PersonStatus, retired_commit: int | None) -> None:
        """Set the status of persons."""
        rows = [{"person": person} for person in person_ids]
        self._clear_cache()
        if rows:
            self._connection.execute(
                update(_person)
                .where(_person.c.id == bindparam("person"))
                .values(status=status.value, retired_commit=retired_commit),
                rows,
            )

    def move_records(
        self, commit_no: int, changes: list[tuple[int, int | None, int | None]], cause: str
    ) -> None:
        """Move records between persons, each with an entry of the change feed.

        Args:
            commit_no: commit number of the change.
            changes: (record, person before, person after), in the order of the events.
            cause: kind of the change.
        """
        self._clear_cache()
        self.moved_ids.update(record for record, _, _ in changes)
        leaving = [
            {"record": r, "ended": commit_no} for r, old_person, _ in changes if old_person is not None
        ]
        if leaving:
            self._connection.execute(_END_MEMBERSHIP, leaving)
        joining = [
            {
                "scope": SCOPE,
                "record_id": r,
                "from_commit": commit_no,
                "person_id": new_person,
                "cause": cause,
            }
            for r, _, new_person in changes
            if new_person is not None
        ]
        insert_rows(self._connection, _member, joining)
        insert_events(self._connection, commit_no, changes, cause)

    def has_held_sealed(self, person_id: int) -> bool:
        """Return whether a person ever held a record that is sealed now."""
        return self._connection.execute(_SEALED_EVER_HELD, {"person": person_id}).first() is not None
