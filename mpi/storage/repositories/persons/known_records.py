"""Repository of records, persons and questions as known after a commit.

Reports count what it returns.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from mpi.domain.decision import Authority, DecisionKind
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all
from mpi.storage.repositories.payload_keys import PayloadKeys, RecordCipher
from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.tables import (
    DecisionMemberRow,
    DecisionRow,
    FlagRow,
    MembershipRow,
    RecordRow,
    RecordVersionRow,
    TaskRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_member = table_of(MembershipRow)
_flag = table_of(FlagRow)
_decision = table_of(DecisionRow)
_named = table_of(DecisionMemberRow)
_task = table_of(TaskRow)
_PAGE = 20_000
"""Numbers of records that one query covers."""
_commit: BindParameter[int] = bindparam("commit")
# Literals instead of parameters: see IS_SEALED of the repository of records.
_IS_SHOWN = _record.c.state != literal_column("'sealed'")
_HELD_THEN = and_(
    _member.c.scope == SCOPE,
    _member.c.from_commit <= _commit,
    or_(_member.c.to_commit.is_(None), _member.c.to_commit > _commit),
)


def _is_stated_then(version: FromClause) -> ColumnElement[bool]:
    """Return SQL for whether a version was in force.

    After the undo of a load two versions of a record are: the undone one, and the one that the undo restored.
    The one received last was the one known then.
    """
    return and_(
        version.c.received_commit <= _commit,
        or_(version.c.ended_commit.is_(None), version.c.ended_commit > _commit),
        version.c.state.in_([literal_column(f"'{state}'") for state in ("active", "superseded", "undone")]),
    )


_later = _version.alias("later")
_IS_REPLACED = exists().where(
    _later.c.record_id == _version.c.record_id,
    _is_stated_then(_later),
    tuple_(_later.c.received_commit, _later.c.id) > tuple_(_version.c.received_commit, _version.c.id),
)
# A range of numbers and no LIMIT: each page then costs its own records, and nothing is sorted.
_IN_RANGE = (_member.c.record_id > bindparam("after"), _member.c.record_id <= bindparam("up_to"))
_LAST = select(func.max(_record.c.id))
_MEMBERS = (
    select(_record.c.id, _member.c.person_id, _record.c.source_id, _record.c.local_id)
    .join(_member, _member.c.record_id == _record.c.id)
    .where(*_IN_RANGE, _IS_SHOWN, _HELD_THEN)
)
_CONTENTS = (
    select(
        _record.c.id,
        _version.c.received_commit,
        _version.c.id.label("version_id"),
        _record.c.data_key,
        _version.c.payload,
    )
    .join(_member, _member.c.record_id == _record.c.id)
    .join(_version, _version.c.record_id == _record.c.id)
    .where(
        *_IN_RANGE,
        is_in(_record.c.source_id, "sources"),
        _IS_SHOWN,
        _HELD_THEN,
        _is_stated_then(_version),
    )
)
_FLAGS = (
    select(_record.c.id, _flag.c.population, _flag.c.definition, _flag.c.begin, _flag.c.end)
    .join(_version, _version.c.id == _flag.c.version_id)
    .join(_record, _record.c.id == _version.c.record_id)
    .join(_member, _member.c.record_id == _record.c.id)
    .where(
        *_IN_RANGE,
        _flag.c.value == literal_column("'Y'"),
        _IS_SHOWN,
        _HELD_THEN,
        _is_stated_then(_version),
        ~_IS_REPLACED,
    )
)
_JOINING_DECISIONS = (
    select(_decision.c.id, _named.c.record_id)
    .join(_named, _named.c.decision_id == _decision.c.id)
    .where(
        _decision.c.kind == DecisionKind.SAME.value,
        _decision.c.authority == Authority.STEWARD.value,
        _decision.c.commit_no <= _commit,
        or_(_decision.c.ended_commit.is_(None), _decision.c.ended_commit > _commit),
        _decision.c.status != literal_column("'pending'"),
    )
    .order_by(_decision.c.id, _named.c.record_id)
)
_OPEN = select(_task.c.lo, _task.c.hi)


class KnownRecord(NamedTuple):
    """A record of a person, as known after a commit."""

    record_id: int
    person_id: int
    source_id: int
    local_id: str


class KnownFlag(NamedTuple):
    """A flag of a record, as known after a commit."""

    record_id: int
    population: str
    definition: str
    begin: str | None
    end: str | None


class KnownRecords:
    """Repository of what the index knew after a commit.

    A record that is sealed now, or was expunged or dropped, is in no answer: repeated reports hide what the
    law hides.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def iterate_records(self, commit_no: int) -> Iterator[list[KnownRecord]]:
        """Yield the records that persons held, page by page."""
        for page in self._iterate_pages(_MEMBERS, {"commit": commit_no}):
            yield [KnownRecord(*row) for row in page]

    def iterate_contents(self, commit_no: int, source_ids: Collection[int]) -> Iterator[tuple[int, bytes]]:
        """Yield each record of some sources with its content then, by number."""
        parameters = {"commit": commit_no, "sources": sorted(source_ids)}
        for page in self._iterate_pages(_CONTENTS, parameters):
            # Data keys are kept only for a page, so that memory does not grow.
            cipher = RecordCipher(self._keys)
            latest = {row.id: row for row in sorted(page, key=lambda row: tuple(row[:3]))}
            for number, row in latest.items():
                yield number, cipher.decrypt(number, row.version_id, row.data_key, row.payload)

    def iterate_flags(self, commit_no: int) -> Iterator[list[KnownFlag]]:
        """Yield the flags that were yes, page by page."""
        for page in self._iterate_pages(_FLAGS, {"commit": commit_no}):
            yield [KnownFlag(*row) for row in page]

    def list_joining_decisions(self, commit_no: int) -> list[tuple[int, int]]:
        """Return (decision, record) of people's decisions in force that join records."""
        return [tuple(row) for row in fetch_all(self._connection, _JOINING_DECISIONS, {"commit": commit_no})]

    def list_open_records(self) -> set[int]:
        """Return the records about which a question is open now."""
        return {record for row in fetch_all(self._connection, _OPEN) for record in row}

    def _iterate_pages(self, statement: Select[Any], parameters: dict[str, Any]) -> Iterator[list[Any]]:
        """Yield rows by ranges of record numbers.

        All rows of a record are in one page.
        """
        last = self._connection.execute(_LAST).scalar() or 0
        for after in range(0, last, _PAGE):
            page = self._connection.execute(statement, {**parameters, "after": after, "up_to": after + _PAGE})
            if rows := list(page.all()):
                yield rows
