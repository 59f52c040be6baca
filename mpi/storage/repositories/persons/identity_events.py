"""Repository of identity events, the entries of the change feed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, select

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import BoundaryOrderRow, IdentityEventRow, MembershipRow, RecordRow, table_of

_member = table_of(MembershipRow)
_event = table_of(IdentityEventRow)
_record = table_of(RecordRow)
_order = table_of(BoundaryOrderRow)

SCOPE = "all"
"""The only scope of enterprise IDs so far.

It comes first in the memberships' key, so that a query by record must name it.
"""
SETTLED = "settled"
"""Cause of an event which tells that a provisional ID is final; nothing changes by it."""
RENAMED = "renamed"
"""Cause of an event which tells that a record got another local ID; its person stays."""
_UNMOVED = (SETTLED, RENAMED)
"""Causes of events that move no record."""
_EVENT = select(
    _event.c.commit_no, _event.c.seq, _event.c.record_id, _event.c.before, _event.c.after, _event.c.cause
)


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """The change of one record's person: an entry of the change feed.

    Args:
        commit_no: commit number of the change.
        seq: number within the commit, from 1; those of changes of local IDs are negative.
        record_id: number of the record.
        before: person that it left, if any.
        after: person that it joined, if any.
        cause: kind of the change.
    """

    commit_no: int
    seq: int
    record_id: int
    before: int | None
    after: int | None
    cause: str


def insert_events(
    connection: Connection,
    commit_no: int,
    changes: Iterable[tuple[int, int | None, int | None]],
    cause: str,
    first_seq: int = 1,
) -> None:
    """Write one event for each change of a record's person.

    Args:
        connection: connection of a write unit.
        commit_no: commit number of the changes; no other changes bear it.
        changes: (record, person before, person after), in the order of the events.
        cause: kind of the changes.
        first_seq: number of the first event within the commit.
    """
    events = [
        {
            "commit_no": commit_no,
            "seq": seq,
            "scope": SCOPE,
            "record_id": record,
            "before": old_person,
            "after": new_person,
            "cause": cause,
        }
        for seq, (record, old_person, new_person) in enumerate(changes, first_seq)
    ]
    insert_rows(connection, _event, events)


class IdentityEvents:
    """Repository of the changes of records' persons, in the order of commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_settled_events(self, commit_no: int, persons: Mapping[int, int]) -> None:
        """Write events which tell that records' persons are final.

        Nothing may move a record in the same commit.

        Args:
            commit_no: commit number of the events.
            persons: person by record number.
        """
        changes = [(record, person, person) for record, person in sorted(persons.items())]
        insert_events(self._connection, commit_no, changes, SETTLED)

    def add_renamed_events(self, commit_no: int, persons: Mapping[int, int | None]) -> None:
        """Write events which tell that records got other local IDs.

        They come before all other events of the commit.

        Args:
            commit_no: commit number of the events.
            persons: person by record number; None for a record without one.
        """
        earlier = select(func.min(_event.c.seq)).where(_event.c.commit_no == commit_no, _event.c.seq < 0)
        last_free = self._connection.execute(earlier).scalar() or 0
        changes = [(record, person, person) for record, person in sorted(persons.items())]
        insert_events(self._connection, commit_no, changes, RENAMED, last_free - len(changes))

    def records_moved_by(self, cause: str, first: int, last: int | None) -> dict[int, int]:
        """Return records moved by a cause, with the person each left first.

        Records that had no person before are left out.

        Args:
            cause: kind of the change.
            first: first commit number.
            last: last commit number; None for no limit.
        """
        statement = (
            select(_event.c.record_id, _event.c.before)
            .where(_event.c.commit_no >= first, _event.c.cause == cause, _event.c.before.is_not(None))
            .order_by(_event.c.commit_no.desc(), _event.c.seq.desc())
        )
        if last is not None:
            statement = statement.where(_event.c.commit_no <= last)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def events_of(self, person_ids: Collection[int]) -> list[IdentityEvent]:
        """Return the change-feed events that moved records into or out of persons.

        They are found by the records that were ever members. An index of events by person would cost every
        write.
        """
        persons = set(person_ids)
        records: set[int] = set()
        for chunk in iter_chunks(persons):
            members = select(_member.c.record_id).where(is_in(_member.c.person_id, chunk)).distinct()
            records.update(self._connection.execute(members).scalars())
        events_by_position: dict[tuple[int, int], IdentityEvent] = {}
        for chunk in iter_chunks(records):
            rows = self._connection.execute(
                _EVENT.where(is_in(_event.c.record_id, chunk), _event.c.cause.not_in(_UNMOVED))
            )
            events = (IdentityEvent(*row) for row in rows)
            events_by_position.update(
                {(e.commit_no, e.seq): e for e in events if {e.before, e.after} & persons}
            )
        return [events_by_position[place] for place in sorted(events_by_position)]

    def events_after(
        self,
        commit_no: int,
        limit: int,
        sources: Collection[int] | None = None,
        hidden_cause: str | None = None,
    ) -> list[IdentityEvent]:
        """Return visible change-feed events of later commits, in order.

        Events of sealed records are never included. Neither is the seal itself once it is lifted.

        Args:
            commit_no: commit after which to begin.
            limit: number of events to aim at. Commits are never cut, so more may be returned.
            sources: numbers of the sources whose records may show; None for all.
            hidden_cause: cause of events to leave out; None for no such cause.
        """
        events = _EVENT.where(_is_visible_event(sources)).order_by(_event.c.commit_no, _event.c.seq)
        if hidden_cause is not None:
            events = events.where(_event.c.cause != hidden_cause)
        later = events.where(_event.c.commit_no > commit_no).limit(max(limit, 1))
        page = [IdentityEvent(*row) for row in self._connection.execute(later)]
        if page:
            rest = events.where(_event.c.commit_no == page[-1].commit_no, _event.c.seq > page[-1].seq)
            page += [IdentityEvent(*row) for row in self._connection.execute(rest)]
        return page


def _is_visible_event(sources: Collection[int] | None) -> ColumnElement[bool]:
    """Return the SQL condition that a reader may see a change-feed event.

    Its record must be unsealed and visible. This is checked for each event, so that the feed is read in order
    and no further than a page.
    """
    record = select(1).where(_record.c.id == _event.c.record_id, _record.c.state != RecordState.SEALED)
    if sources is not None:
        record = record.where(is_in(_record.c.source_id, sources))
    in_lifted_seal = select(1).where(
        _order.c.record_id == _event.c.record_id,
        _order.c.from_commit <= _event.c.commit_no,
        _order.c.commit_no > _event.c.commit_no,
    )
    return exists(record) & ~exists(in_lifted_seal)
