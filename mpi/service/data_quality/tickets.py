"""Tickets: requests to a source to correct one kind of quality issue.

A ticket has an owner and a due day. It is closed by the load after which no active record of the source has
the issue. If that load is undone, the ticket is open again. A ticket names a field and a kind, and no record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.data_quality.issues import may_list_issues, require_issue_reader
from mpi.service.holdings.settings import find_limited_sources
from mpi.storage.repositories.sources.quality_tickets import StoredTicket
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_DAYS = 366
_MAX_TEXT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to open.

    Args:
        field: canonical field of the issue.
        kind: code of the issue.
        owner: name of the account or person that sees to it at the source.
        due_on: day by which it is due (ISO), at most a year ahead.
    """

    field: str
    kind: str
    owner: str
    due_on: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket with its state today.

    Args:
        number: number of the ticket.
        source: code of the source.
        field: canonical field of the issue.
        kind: code of the issue.
        owner: who sees to it at the source.
        due_on: day by which it is due (ISO).
        state: ``open``, ``overdue``, ``corrected`` by a load, or ``closed`` by a person.
        records_at_opening: active records with the issue when it was opened.
        records_now: active records with the issue now.
        opened_at: when it was opened (ISO, UTC).
        opened_by: who opened it.
        closed_at: when it was closed; None while it is open.
        closed_load: load that corrected the last record; None otherwise.
    """

    number: int
    source: str
    field: str
    kind: str
    owner: str
    due_on: str
    state: str
    records_at_opening: int
    records_now: int
    opened_at: str
    opened_by: str
    closed_at: str | None
    closed_load: int | None


def open_ticket(index: Index, viewer: Viewer, source_code: str, new: NewTicket) -> Ticket:
    """Open a ticket about one kind of issue of a source.

    Raises:
        InputError: a text or the day is invalid, or no active record has the issue.
        ConflictError: a ticket about this field and kind is open.
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not administer the source, or its numbers tell who is in care.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    _check_new_ticket(new)
    with index.database.write(viewer, "ticket") as unit:
        source = unit.sources.get_by_code(source_code)
        if not may_list_issues(viewer, source_code) and source_code in find_limited_sources(unit):
            raise InputError("the numbers of this source would tell who is in care, so it has no tickets")
        stored = unit.quality_tickets.of_source(source.id)
        issue = (new.field, new.kind)
        if any(ticket.closed_commit is None and (ticket.field, ticket.kind) == issue for ticket in stored):
            raise ConflictError("a ticket about this field and kind is open: wait for it, or close it")
        counts = unit.quality_issues.count_current(source.id)
        if not counts.get(issue):
            raise InputError("field, kind: no active record has this issue; see mpi issues --counts")
        unit.ensure_commit()
        ticket = StoredTicket(
            id=unit.counters.take("quality_ticket"),
            source_id=source.id,
            field=new.field,
            kind=new.kind,
            owner=new.owner.strip(),
            due_on=new.due_on,
            record_count=counts[issue],
            opened_commit=unit.commit_no,
        )
        unit.quality_tickets.add(ticket)
        [view] = _build_views(unit, source_code, [ticket], counts)
        return view


def list_tickets(index: Index, viewer: Viewer, source_code: str) -> list[Ticket]:
    """Return the tickets of a source, newest first, with their state today.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer is neither data owner nor sender of the source.
    """
    require_issue_reader(viewer, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        if not may_list_issues(viewer, source_code) and source_code in find_limited_sources(unit):
            return []
        tickets = unit.quality_tickets.of_source(source.id)
        counts = unit.quality_issues.count_current(source.id) if tickets else {}
        return _build_views(unit, source_code, tickets, counts)


def close_ticket(index: Index, viewer: Viewer, source_code: str, number: int) -> Ticket:
    """Close a ticket although the issue is still there.

    Raises:
        NotFoundError: the source has no such ticket.
        ConflictError: it is closed already.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.write(viewer, "ticket") as unit:
        source = unit.sources.get_by_code(source_code)
        found = [ticket for ticket in unit.quality_tickets.of_source(source.id) if ticket.id == number]
        if not found:
            raise NotFoundError(f"source {source_code!r} has no ticket {number}")
        if found[0].closed_commit is not None:
            raise ConflictError(f"ticket {number} is closed already")
        unit.ensure_commit()
        unit.quality_tickets.close(number, unit.commit_no, None)
        closed = [ticket for ticket in unit.quality_tickets.of_source(source.id) if ticket.id == number]
        [view] = _build_views(unit, source_code, closed, unit.quality_issues.count_current(source.id))
        return view


def close_corrected_tickets(index: Index, viewer: Viewer, source_id: int, batch_id: int) -> None:
    """Close a source's tickets whose issue no active record still has.

    Args:
        index: the open index.
        viewer: who loads.
        source_id: number of the source.
        batch_id: the load that has just ended.
    """
    with index.database.read(viewer) as reader:
        if not _find_corrected(reader, source_id):
            return
    with index.database.write(viewer, "ticket") as unit:
        for ticket in _find_corrected(unit, source_id):
            unit.ensure_commit()
            unit.quality_tickets.close(ticket.id, unit.commit_no, batch_id)


def reopen_tickets(unit: WriteUnit, batch_id: int) -> None:
    """Reopen the tickets that a load closed, since it is undone."""
    unit.quality_tickets.reopen(batch_id)


def _find_corrected(unit: ReadUnit, source_id: int) -> list[StoredTicket]:
    """Return open tickets of a source whose issue no active record has."""
    tickets = [ticket for ticket in unit.quality_tickets.of_source(source_id) if ticket.closed_commit is None]
    counts = unit.quality_issues.count_current(source_id) if tickets else {}
    return [ticket for ticket in tickets if not counts.get((ticket.field, ticket.kind))]


def _check_new_ticket(new: NewTicket) -> None:
    """Refuse a ticket with an invalid text or due day.

    Raises:
        InputError: a text is empty, too long or not printable, or the day is no date, past or too far
            ahead; the message names it.
    """
    for name in ("field", "kind", "owner"):
        text = getattr(new, name).strip()
        if not 0 < len(text) <= _MAX_TEXT_LENGTH or not text.isprintable():
            raise InputError(f"{name}: give 1 to {_MAX_TEXT_LENGTH} characters that can be seen")
    day = clock.parse_day(new.due_on, "due_on")
    days = (day - clock.parse_day(clock.today(), "today")).days
    if not 0 <= days <= MAX_DAYS:
        raise InputError(f"due_on: give a day from today on, {MAX_DAYS} days ahead at most")


def _build_views(
    unit: ReadUnit, source_code: str, tickets: list[StoredTicket], counts: Mapping[tuple[str, str], int]
) -> list[Ticket]:
    """Return tickets with their state today."""
    numbers = {ticket.opened_commit for ticket in tickets}
    numbers |= {ticket.closed_commit for ticket in tickets if ticket.closed_commit is not None}
    commits = unit.commit_info(numbers)
    return [
        Ticket(
            number=ticket.id,
            source=source_code,
            field=ticket.field,
            kind=ticket.kind,
            owner=ticket.owner,
            due_on=ticket.due_on,
            state=_find_state(ticket),
            records_at_opening=ticket.record_count,
            records_now=counts.get((ticket.field, ticket.kind), 0),
            opened_at=commits[ticket.opened_commit][0],
            opened_by=commits[ticket.opened_commit][1],
            closed_at=None if ticket.closed_commit is None else commits[ticket.closed_commit][0],
            closed_load=ticket.closed_batch,
        )
        for ticket in tickets
    ]


def _find_state(ticket: StoredTicket) -> str:
    """Return the state of a ticket today."""
    if ticket.closed_commit is not None:
        return "closed" if ticket.closed_batch is None else "corrected"
    return "overdue" if ticket.due_on < clock.today() else "open"
