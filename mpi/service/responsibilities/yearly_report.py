"""Report of what was owed and done within a time, by owner."""

from dataclasses import dataclass
from datetime import date

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.responsibilities.declarations import ObligationKind
from mpi.service.responsibilities.obligations import Obligation, read_obligations
from mpi.storage.unit_of_work.units import ReadUnit

DAYS = 365


@dataclass(frozen=True, slots=True)
class DoneItem:
    """What an owner did.

    Args:
        kind: ticket or clock.
        subject: code of the source or agreement.
        what: field and kind of a ticket's issue, name of the clock, or ``destruction``.
        owner: who answered for it.
        due: day by which it was due; None where there was none.
        done: day on which it was done.
    """

    kind: ObligationKind
    subject: str
    what: str
    owner: str
    due: str | None
    done: str

    @property
    def is_late(self) -> bool:
        """Whether it was done after its day."""
        return self.due is not None and self.done > self.due


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """What one owner had to do.

    Args:
        owner: the owner; empty where nobody is declared.
        open: number of obligations that are open.
        late: of these, number of late ones.
        done: number that was done within the time.
        done_late: of these, number that was done after its day.
    """

    owner: str
    open: int
    late: int
    done: int
    done_late: int


@dataclass(frozen=True, slots=True)
class ResponsibilityReport:
    """What was owed and done within a time.

    Args:
        first: first day.
        last: last day: today.
        owners: by owner, most late ones first.
        history: what was done, the latest first.
        obligations: what is open today, the longest overdue first.
        without_owner: kind and code of what nobody answers for.
    """

    first: str
    last: str
    owners: tuple[OwnerRow, ...]
    history: tuple[DoneItem, ...]
    obligations: tuple[Obligation, ...]
    without_owner: tuple[tuple[ObligationKind, str], ...]


def make_responsibility_report(
    index: Index, viewer: Viewer, first: str | None = None
) -> ResponsibilityReport:
    """Return what was owed and done since a day.

    Args:
        index: the open index.
        viewer: who asks.
        first: first day (ISO); None for a year ago.

    Raises:
        AccessDenied: the viewer may not administer agreements.
        InputError: the day is none or lies ahead, or the file of declared owners cannot be used.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    today = clock.now().date()
    begin = date.fromordinal(today.toordinal() - DAYS) if first is None else clock.parse_day(first, "since")
    if begin > today:
        raise InputError("since: the day has not come")
    overview = read_obligations(index, viewer)
    with index.database.read(viewer) as unit:
        history = _read_history(unit, begin.isoformat())
    return ResponsibilityReport(
        first=begin.isoformat(),
        last=overview.day,
        owners=_count_by_owner(overview.obligations, history),
        history=history,
        obligations=overview.obligations,
        without_owner=overview.without_owner,
    )


def _read_history(unit: ReadUnit, first: str) -> tuple[DoneItem, ...]:
    """Return closed tickets, met clocks and attested destructions, the latest first."""
    found = [
        DoneItem(ObligationKind.CLOCK, each.agreement, each.name, each.party, each.due, each.met_on or "")
        for each in unit.agreement_duties.met_since(first)
    ]
    destructions = unit.agreement_duties.destructions()
    limited = find_limited_sources(unit)
    closed = [
        (source.code, ticket)
        for source in unit.sources.all()
        if source.code not in limited
        for ticket in unit.quality_tickets.of_source(source.id)
        if ticket.closed_commit is not None
    ]
    commits = unit.commit_info(
        {
            *(ticket.closed_commit for _, ticket in closed if ticket.closed_commit is not None),
            *(each.commit_no for each in destructions),
        }
    )
    found += [
        DoneItem(ObligationKind.CLOCK, each.agreement, "destruction", each.party, None, day)
        for each in destructions
        if (day := commits[each.commit_no][0][:10]) >= first
    ]
    found += [
        DoneItem(ObligationKind.TICKET, source, f"{one.field}: {one.kind}", one.owner, one.due_on, day)
        for source, one in closed
        if one.closed_commit is not None and (day := commits[one.closed_commit][0][:10]) >= first
    ]
    return tuple(
        sorted(found, key=lambda each: (each.done, each.kind, each.subject, each.what), reverse=True)
    )


def _count_by_owner(
    obligations: tuple[Obligation, ...], history: tuple[DoneItem, ...]
) -> tuple[OwnerRow, ...]:
    names = {each.owner or "" for each in obligations} | {each.owner for each in history}
    rows = []
    for name in names:
        still_open = [each for each in obligations if (each.owner or "") == name]
        done = [each for each in history if each.owner == name]
        rows.append(
            OwnerRow(
                name,
                len(still_open),
                sum(each.is_late for each in still_open),
                len(done),
                sum(each.is_late for each in done),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.late, -row.open, row.owner)))
