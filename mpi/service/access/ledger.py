"""The disclosure ledger and refused requests, as auditors read them.

A line says who was shown what, when, for which purpose and under which agreement. It holds no value of a
record. Enterprise IDs stand for children. A sealed or destroyed record is not shown, and neither is a line
about such records alone: each reader gets the lines of an index without them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TypeVar

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.access.disclosure_search import DisclosureFilter
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.access.refusals import Refusal, RefusalFilter
from mpi.storage.unit_of_work.units import ReadUnit

DEFAULT_DAYS = 30
"""Days that are shown where the reader names no first day."""
PAGE_SIZE = 50
"""Lines of a page; more only where several were written in one instant."""
MAX_EXPORTED = 50_000
"""Most lines and refusals of one export."""
_MAX_LISTED_RECORDS = 1_000
"""Most records that the line of a reader of the ledger names."""
_FIELDS = ("at", "client", "purpose", "agreement", "action", "enterprise_id", "fields")
_MAX_READ_REFUSALS = 5_000
"""Most refusals that one page reads; those of one minute stay together."""
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which lines a reader wants.

    Args:
        enterprise_id: the child, as typed; None for all lines.
        client: name of the client or account; None for all.
        purpose: purpose of use; None for all.
        agreement: code of the agreement; None for all.
        action: kind of request, such as ``person.read``; None for all.
        first_day: first day in UTC; None for ``DEFAULT_DAYS`` before the last.
        last_day: last day in UTC; None for today.
    """

    enterprise_id: str | None = None
    client: str | None = None
    purpose: str | None = None
    agreement: str | None = None
    action: str | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An answer that left the index.

    Args:
        at: when it left (ISO, UTC).
        client: name of the client or account that received it.
        purpose: purpose of use; None where the call named none.
        agreement: code of the agreement that the receiver acted under; None for none.
        action: kind of request.
        enterprise_ids: the children that it was about, by the IDs that hold the records today; of a filtered
            child, that one alone.
        is_about_all: whether it was about more records than a line names, such as an export.
        fields: names of the fields that it held, or the reason of an emergency access.
    """

    at: str
    client: str
    purpose: str | None
    agreement: str | None
    action: str
    enterprise_ids: tuple[str, ...]
    is_about_all: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Child:
    """A child whose lines are wanted, with the visible records."""

    enterprise_id: str
    records: frozenset[int]


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """A page of the ledger.

    Args:
        first_day: first day of the lines.
        last_day: last day of the lines.
        lines: answers, newest first.
        refusals: refused requests, newest first; empty where a child is asked for, since they name none.
        older: moment before which further lines were written; None where there are none.
        older_refusals: minute before which further requests were refused; None where there are none.
    """

    first_day: date
    last_day: date
    lines: tuple[LedgerLine, ...]
    refusals: tuple[Refusal, ...]
    older: str | None
    older_refusals: str | None


def read_ledger(
    index: Index,
    viewer: Viewer,
    wanted: LedgerFilter,
    before: str | None = None,
    refused_before: str | None = None,
) -> LedgerPage:
    """Return a page of the ledger, newest lines first.

    The reading has a line of its own on the ledger.

    Args:
        index: the open index.
        viewer: who reads.
        wanted: which lines.
        before: the moment in ``older`` of the page before; None for the newest.
        refused_before: the minute in ``older_refusals`` of the page before; None for the newest.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the enterprise ID holds no record that a line could name.
        InputError: the last day is before the first, or there is none.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    days = _find_days(wanted)
    with index.database.read(viewer) as unit:
        child = None if wanted.enterprise_id is None else _find_child(unit, wanted.enterprise_id)
        found, older = _take_page(_iterate_lines(unit, wanted, days, child, before), lambda row: row[0].at)
    refusals, older_refusals = _take_page(
        iter(_read_refusals(index, viewer, wanted, days, refused_before, _MAX_READ_REFUSALS)),
        lambda refusal: refusal.minute,
    )
    _record_reading(index, viewer, (records for _, records in found))
    return LedgerPage(
        first_day=days[0],
        last_day=days[1],
        lines=tuple(line for line, _ in found),
        refusals=tuple(refusals),
        older=older,
        older_refusals=older_refusals,
    )


def export_ledger(
    index: Index, viewer: Viewer, wanted: LedgerFilter, limit: int = MAX_EXPORTED
) -> list[LedgerLine | Refusal]:
    """Return all wanted lines and refusals together, newest first.

    The export has a line of its own on the ledger.

    Args:
        index: the open index.
        viewer: who exports.
        wanted: which lines.
        limit: most lines and refusals together.

    Raises:
        InputError: there are more than ``limit``; or as for ``read_ledger``.
        EidError, NotFoundError, AccessDenied: as for ``read_ledger``.
    """
    require_permission(viewer, Action.LEDGER_READ)
    days = _find_days(wanted)
    with index.database.read(viewer) as unit:
        child = None if wanted.enterprise_id is None else _find_child(unit, wanted.enterprise_id)
        found = list(islice(_iterate_lines(unit, wanted, days, child, None), limit + 1))
    refusals = _read_refusals(index, viewer, wanted, days, None, limit + 1)
    if len(found) + len(refusals) > limit:
        raise InputError(f"these are more than {limit:,} lines: choose fewer days")
    _record_reading(index, viewer, (records for _, records in found))
    rows: list[LedgerLine | Refusal] = [*(line for line, _ in found), *refusals]
    return sorted(rows, key=_time_of, reverse=True)


def _find_days(wanted: LedgerFilter) -> tuple[date, date]:
    """Return the first and the last day that a reader wants.

    Raises:
        InputError: the last day is before the first.
    """
    last_day = wanted.last_day or clock.now().date()
    earliest = max(last_day.toordinal() - DEFAULT_DAYS, 1)
    first_day = wanted.first_day or date.fromordinal(earliest)
    if first_day > last_day:
        raise InputError("the last day is before the first: choose other days")
    return first_day, last_day


def _end_of_days(days: tuple[date, date], before: str | None) -> str:
    """Return the moment before which lines are wanted (ISO, UTC)."""
    # After 9999-12-31 there is no day; "~" sorts after every digit.
    end = f"{days[1].isoformat()}~"
    return end if before is None else min(end, before)


def _find_child(unit: ReadUnit, text: str) -> _Child:
    """Return a child's enterprise ID and visible records.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: it holds no visible record, or does not exist; the message does not tell which.
    """
    person = unit.persons.find_by_eid(eids.parse_eid(text))
    held = set() if person is None else unit.persons.last_held_records([person])[person.id]
    records = frozenset(visible_labels(unit, held))
    if person is None or not records:
        raise NotFoundError("this enterprise ID holds no record that the ledger could name")
    return _Child(person.eid, records)


def _iterate_lines(
    unit: ReadUnit, wanted: LedgerFilter, days: tuple[date, date], child: _Child | None, before: str | None
) -> Iterator[tuple[LedgerLine, frozenset[int]]]:
    """Yield the wanted lines with the records that each shows, newest first."""
    selection = DisclosureFilter(
        since=days[0].isoformat(),
        until=_end_of_days(days, before),
        client=wanted.client,
        purpose=wanted.purpose,
        agreement=wanted.agreement,
        action=wanted.action,
        record_ids=None if child is None else child.records,
    )
    for chunk in unit.disclosure_search.iterate_filtered(selection):
        visible = visible_labels(unit, {record for line in chunk for record in line.record_ids})
        shown = visible.keys() if child is None else visible.keys() & child.records
        eid_by_record = _find_eids(unit, shown, child)
        for line in chunk:
            if line.record_ids and visible.keys().isdisjoint(line.record_ids):
                continue
            records = frozenset(shown & set(line.record_ids))
            ids = {eid_by_record[record] for record in records if record in eid_by_record}
            yield _to_line(line, tuple(sorted(ids))), records


def _find_eids(unit: ReadUnit, records: Collection[int], child: _Child | None) -> dict[int, str]:
    """Return the enterprise IDs that hold some records today."""
    if child is not None:
        return dict.fromkeys(records, child.enterprise_id)
    persons = unit.persons.current_persons(records)
    eid_by_person = {
        number: person.eid for number, person in unit.persons.by_ids(set(persons.values())).items()
    }
    return {record: eid_by_person[person] for record, person in persons.items()}


def _to_line(line: Disclosure, enterprise_ids: tuple[str, ...]) -> LedgerLine:
    return LedgerLine(
        at=line.at,
        client=line.client,
        purpose=line.purpose,
        agreement=line.agreement,
        action=line.action,
        enterprise_ids=enterprise_ids,
        is_about_all=line.handle is not None,
        fields=line.fields,
    )


def _read_refusals(
    index: Index,
    viewer: Viewer,
    wanted: LedgerFilter,
    days: tuple[date, date],
    before: str | None,
    limit: int,
) -> list[Refusal]:
    """Return the latest refused requests.

    There are none where a child is asked for, since they name no child.
    """
    if wanted.enterprise_id is not None:
        return []
    selection = RefusalFilter(
        since=days[0].isoformat(),
        until=_end_of_days(days, before),
        client=wanted.client,
        purpose=wanted.purpose,
        agreement=wanted.agreement,
        action=wanted.action,
    )
    with index.database.ledger.read(viewer) as unit:
        return unit.refusals.latest(selection, limit)


def _take_page(rows: Iterator[_Row], time_of: Callable[[_Row], str]) -> tuple[list[_Row], str | None]:
    """Return a page of rows, and the time of the next page.

    Rows of one instant stay together, so that the time alone says where the next page begins.
    """
    page: list[_Row] = []
    for row in rows:
        if len(page) >= PAGE_SIZE and time_of(row) != time_of(page[-1]):
            return page, time_of(page[-1])
        page.append(row)
    return page, None


def _record_reading(index: Index, viewer: Viewer, records_by_line: Iterable[frozenset[int]]) -> None:
    """Write the line of a reader of the ledger."""
    records = frozenset().union(*records_by_line)
    if len(records) <= _MAX_LISTED_RECORDS:
        disclose(index, viewer, Action.LEDGER_READ, records, _FIELDS)
        return
    handle = f"ledger@{clock.format_timestamp(clock.now())}"
    disclose(index, viewer, Action.LEDGER_READ, (), _FIELDS, handle)


def _time_of(row: LedgerLine | Refusal) -> str:
    return row.at if isinstance(row, LedgerLine) else row.minute
