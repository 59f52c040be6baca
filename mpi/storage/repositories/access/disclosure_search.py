"""Search of the disclosure ledger by time, client and record."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, or_, select, tuple_

from mpi.domain.clock import format_timestamp
from mpi.domain.ledger.line_hash import EMPTY_LIST, REDACT_ACTION
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.access.disclosures import HANDLE_RECORD_ID, Disclosure, build_disclosure
from mpi.storage.tables import DisclosedRecordRow, DisclosureRow, table_of

_disclosure = table_of(DisclosureRow)
_disclosed = table_of(DisclosedRecordRow)
_CHUNK_SIZE = 200
"""Lines that one query of the filtered ledger returns."""
_MAX_LATENESS = timedelta(days=1)
"""Most time by which a line may be dated after one of a higher number.

Clocks of servers differ, and a line that is dated may wait before it is written.
"""
_PLACE = attrgetter("at", "id")
_TIME_OF_LINE = select(_disclosure.c.at).where(_disclosure.c.id == bindparam("number"))


@dataclass(frozen=True, slots=True)
class DisclosureFilter:
    """Which lines of the disclosure ledger are asked for.

    Args:
        since: first moment (ISO, UTC; a date is its first instant).
        until: moment before which the lines were written.
        client: name of the client or account; None for all.
        purpose: purpose of use; None for all.
        agreement: code of the agreement; None for all.
        action: kind of request; None for all.
        record_ids: records of which a line has to name one; lines that name a set of records by a handle are
            included. None for all lines.
    """

    since: str
    until: str
    client: str | None = None
    purpose: str | None = None
    agreement: str | None = None
    action: str | None = None
    record_ids: frozenset[int] | None = None


class DisclosureSearch:
    """Repository that finds lines of the disclosure ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def iterate_filtered(self, wanted: DisclosureFilter) -> Iterator[list[Disclosure]]:
        """Yield the wanted lines in chunks, newest first."""
        if wanted.record_ids is not None:
            yield from self._iterate_about(wanted, wanted.record_ids)
            return
        conditions = list(_filter_conditions(wanted))
        while True:
            rows = self._connection.execute(
                select(_disclosure)
                .where(*conditions)
                .order_by(_disclosure.c.at.desc(), _disclosure.c.id.desc())
                .limit(_CHUNK_SIZE)
            ).all()
            if not rows:
                return
            yield [build_disclosure(row) for row in rows]
            conditions = list(_filter_conditions(wanted, rows[-1]))

    def _iterate_about(
        self, wanted: DisclosureFilter, record_ids: Collection[int]
    ) -> Iterator[list[Disclosure]]:
        """Yield the wanted lines that may concern records, newest first.

        The index by record leads to their numbers, and the numbers to the lines: a join would leave the
        choice to the planner. Lines are read from the newest on, and only as many as the caller takes. They
        are numbered in the order of their times, but for ``_MAX_LATENESS``.
        """
        numbers = self._line_numbers([HANDLE_RECORD_ID, *record_ids])[::-1]
        conditions = list(_filter_conditions(wanted))
        pending: list[Row[Any]] = []
        for chunk in iter_chunks(numbers[self._find_start(numbers, wanted.until) :], _CHUNK_SIZE):
            pending += self._connection.execute(
                select(_disclosure).where(is_in(_disclosure.c.id, chunk), *conditions)
            )
            pending.sort(key=_PLACE, reverse=True)
            latest_unread = format_timestamp(self._time_of_line(chunk[-1]) + _MAX_LATENESS)
            ready = bisect_left(pending, True, key=lambda row: row.at <= latest_unread)
            yield [build_disclosure(row) for row in pending[:ready]]
            del pending[:ready]
            if latest_unread < wanted.since:
                break
        yield [build_disclosure(row) for row in pending]

    def _find_start(self, numbers: Sequence[int], until: str) -> int:
        """Return the position where lines from before a moment may begin.

        Args:
            numbers: numbers of lines, descending.
            until: the moment (ISO, UTC).
        """
        if len(numbers) <= _CHUNK_SIZE:
            return 0
        return bisect_left(
            numbers,
            True,
            key=lambda number: format_timestamp(self._time_of_line(number) - _MAX_LATENESS) < until,
        )

    def _find_first(self, numbers: Sequence[int], since: str) -> int:
        """Return the position where lines from a moment on may begin.

        Args:
            numbers: numbers of lines, ascending.
            since: the moment (ISO, UTC).
        """
        if len(numbers) <= _CHUNK_SIZE:
            return 0
        return bisect_left(
            numbers,
            True,
            key=lambda number: format_timestamp(self._time_of_line(number) + _MAX_LATENESS) >= since,
        )

    def _time_of_line(self, number: int) -> datetime:
        """Return when a line was written."""
        return datetime.fromisoformat(
            self._connection.execute(_TIME_OF_LINE, {"number": number}).scalar_one()
        )

    def _line_numbers(self, record_ids: Collection[int]) -> list[int]:
        """Return the numbers of the lines that name some records, ascending."""
        numbers: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_disclosed.c.disclosure_id).where(is_in(_disclosed.c.record_id, chunk))
            )
            numbers.update(row.disclosure_id for row in rows)
        return sorted(numbers)

    def iterate_by_record(
        self, record_ids: Collection[int], since: str, until: str
    ) -> Iterator[tuple[int, Disclosure]]:
        """Yield each record's lines that name it, oldest first.

        Args:
            record_ids: the records; lines that name a set of records by a handle are left out.
            since: first moment (ISO, UTC).
            until: moment before which the lines were written.
        """
        for chunk in iter_chunks(record_ids, _CHUNK_SIZE):
            rows = self._connection.execute(
                select(_disclosed.c.record_id, _disclosure)
                .select_from(_disclosed.join(_disclosure, _disclosed.c.disclosure_id == _disclosure.c.id))
                .where(
                    is_in(_disclosed.c.record_id, chunk), _disclosure.c.at >= since, _disclosure.c.at < until
                )
                .order_by(_disclosed.c.record_id, _disclosure.c.id)
            ).all()
            yield from ((row.record_id, build_disclosure(row)) for row in rows)

    def about_records(self, moment: str, record_ids: Collection[int]) -> list[Disclosure]:
        """Return disclosure-ledger lines since a moment that may concern records.

        Args:
            moment: moment (ISO, UTC).
            record_ids: the records. Lines that name a set of records by a handle may concern them too, so all
                of those are included.
        """
        numbers = self._line_numbers([HANDLE_RECORD_ID, *record_ids])
        disclosures = [
            (row.id, build_disclosure(row))
            for chunk in iter_chunks(numbers[self._find_first(numbers, moment) :])
            for row in self._connection.execute(
                select(_disclosure).where(is_in(_disclosure.c.id, chunk), _disclosure.c.at >= moment)
            )
        ]
        return [disclosure for _, disclosure in sorted(disclosures, key=itemgetter(0))]


def _filter_conditions(
    wanted: DisclosureFilter, last: Row[Any] | None = None
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of the wanted lines after the last one."""
    yield _disclosure.c.at >= wanted.since
    # What is about destroyed records alone is shown to nobody.
    yield _disclosure.c.action != REDACT_ACTION
    yield or_(_disclosure.c.commitment.is_(None), _disclosure.c.record_ids != EMPTY_LIST)
    if last is None:
        yield _disclosure.c.at < wanted.until
    else:
        # The time alone is an upper bound that the index on it can use.
        yield _disclosure.c.at <= last.at
        yield tuple_(_disclosure.c.at, _disclosure.c.id) < (last.at, last.id)
    for column, value in (
        (_disclosure.c.client, wanted.client),
        (_disclosure.c.purpose, wanted.purpose),
        (_disclosure.c.agreement, wanted.agreement),
        (_disclosure.c.action, wanted.action),
    ):
        if value is not None:
            yield column == value
