"""Obligations: what each owner owes, to whom and by when.

What is late comes first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter

from mpi.domain import clock
from mpi.domain.children.items import ITEM_OWNERS, ItemKind
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.policy.agreement import Agreement, AgreementState
from mpi.service.agreements.duties import list_duties
from mpi.service.agreements.views import AgreementView, list_agreements
from mpi.service.core.index import Index
from mpi.service.directory.contact_file import find_directory
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.responsibilities.declarations import Declarations, ObligationKind, load_declarations
from mpi.service.rosters.item_gaps import find_item_gaps
from mpi.service.rosters.items import add_days
from mpi.storage.unit_of_work.units import ReadUnit

SOON_DAYS = 30
"""Days before its due day from which an agreement's end and a contact's confirmation are listed."""
_STEWARD_DUTY = "data_steward"
_LAST_WEEKDAY = 6


@dataclass(frozen=True, slots=True)
class Obligation:
    """What somebody owes by a day.

    Args:
        kind: what it is about.
        subject: code of the source, agreement or organization; empty for the queue.
        what: what is to be done, as a code: ``answer``, ``correct``, ``send``, ``renew``, ``confirm``, the
            name of an agreement's clock, ``destruction``, or the kind of an item of children.
        owner: office or party that answers for it; None where nobody is declared.
        owed_to: whom it is owed to; None where it is the index's own work.
        due: day by which it is due (ISO).
        days_left: days until then, negative afterwards.
        escalates_to: whom to ask once it is late; None where nobody is declared.
        reference: number of the ticket, or code of the clock; None for others.
        detail: field and kind of a ticket's issue, role of who answers for an item; None for others.
    """

    kind: ObligationKind
    subject: str
    what: str
    owner: str | None
    owed_to: str | None
    due: str
    days_left: int
    escalates_to: str | None = None
    reference: str | None = None
    detail: str | None = None

    @property
    def is_late(self) -> bool:
        """Whether its day has passed."""
        return self.days_left < 0


@dataclass(frozen=True, slots=True)
class Overview:
    """What is owed today.

    Args:
        day: the day (ISO, UTC).
        obligations: what is owed, the longest overdue first.
        without_owner: things that nobody is declared to answer for, as kind and code.
    """

    day: str
    obligations: tuple[Obligation, ...]
    without_owner: tuple[tuple[ObligationKind, str], ...]

    @property
    def late(self) -> int:
        """Number of obligations that are late."""
        return sum(each.is_late for each in self.obligations)


def read_obligations(index: Index, viewer: Viewer) -> Overview:
    """Return what is owed today under agreements, tickets, feeds and the queue.

    It holds no record and no number of records. The queue is named to those alone who may read it.

    Raises:
        AccessDenied: the viewer may not administer agreements.
        InputError: the file of declared owners cannot be used.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    declared = load_declarations(index.home)
    reader = _Reader(declared, clock.now().date())
    views = list_agreements(index, viewer) if is_allowed(viewer, Action.AGREEMENT_READ) else []
    found = [*reader.read_agreements(views), *reader.read_contacts(index)]
    terms = {view.code: view.terms for view in views}
    found += reader.read_duties(index, viewer, terms)
    with index.database.read(viewer) as unit:
        found += reader.read_tickets(unit)
        found += reader.read_feeds(unit)
        found += reader.read_items(unit, views)
        if is_allowed(viewer, Action.TASK_READ):
            found += reader.read_queue(unit)
    found.sort(key=attrgetter("due", "kind", "subject", "what"))
    return Overview(
        reader.today.isoformat(), tuple(found), tuple(dict.fromkeys(sorted(reader.without_owner)))
    )


class _Reader:
    """Reads obligations and notes what has no owner.

    Attributes:
        today: the present day.
        without_owner: kind and code of what nobody is declared to answer for.
    """

    def __init__(self, declared: Declarations, today: date) -> None:
        self._declared = declared
        self.today = today
        self.without_owner: list[tuple[ObligationKind, str]] = []

    def read_agreements(self, views: list[AgreementView]) -> Iterator[Obligation]:
        """Yield the agreements that end soon."""
        for view in views:
            owner = _find_office(view.terms)
            if self._find_owner(ObligationKind.AGREEMENT, view.code, owner) is None:
                self.without_owner.append((ObligationKind.AGREEMENT, view.code))
            if view.end is None or (view.end.last_day - self.today).days > SOON_DAYS:
                continue
            if view.terms.ended_on is not None:
                continue
            yield self._make(
                ObligationKind.AGREEMENT, view.code, "renew", owner, "parties", view.end.last_day
            )

    def read_duties(self, index: Index, viewer: Viewer, terms: dict[str, Agreement]) -> Iterator[Obligation]:
        """Yield the clocks that run, and the copies to be destroyed."""
        for duty in list_duties(index, viewer):
            office = None if duty.agreement not in terms else _find_office(terms[duty.agreement], duty.party)
            owner = duty.party if office is None else office
            yield self._make(
                ObligationKind.CLOCK, duty.agreement, duty.name, owner, "parties", duty.due, duty.code
            )

    def read_contacts(self, index: Index) -> Iterator[Obligation]:
        """Yield the points of contact that have to be confirmed."""
        for each in find_directory(index).contacts:
            due = date.fromisoformat(each.confirm_by)
            if (due - self.today).days <= SOON_DAYS:
                yield self._make(
                    ObligationKind.CONTACT, each.code or str(each.level), "confirm", each.owner, None, due
                )

    def read_tickets(self, unit: ReadUnit) -> Iterator[Obligation]:
        """Yield the open tickets of sources without minimum holdings.

        Tickets of the other sources would tell who is in care.
        """
        limited = find_limited_sources(unit)
        for source in unit.sources.all():
            if source.code in limited:
                continue
            tickets = [
                each for each in unit.quality_tickets.of_source(source.id) if each.closed_commit is None
            ]
            commits = unit.commit_info({each.opened_commit for each in tickets})
            for each in tickets:
                yield self._make(
                    ObligationKind.TICKET, source.code, "correct", each.owner,
                    commits[each.opened_commit][1], date.fromisoformat(each.due_on), str(each.id),
                    f"{each.field}: {each.kind}",
                )  # fmt: skip

    def read_feeds(self, unit: ReadUnit) -> Iterator[Obligation]:
        """Yield when each source with a declared rhythm owes its next file."""
        latest = unit.batches.latest_by_source()
        commits = unit.commit_info({each.commit_no for each in latest.values()})
        info = unit.configs.index_info()
        for source in unit.sources.all():
            if source.is_retired:
                continue
            declaration = self._declared.find(ObligationKind.FEED, source.code)
            if declaration is None:
                self.without_owner.append((ObligationKind.FEED, source.code))
                continue
            begin = None if info is None else info.created_at
            if source.code in latest:
                begin = commits[latest[source.code].commit_no][0]
            if begin is not None:
                due = date.fromisoformat(begin[:10]) + timedelta(declaration.days or 0)
                yield self._make(ObligationKind.FEED, source.code, "send", None, "index", due)

    def read_items(self, unit: ReadUnit, views: list[AgreementView]) -> Iterator[Obligation]:
        """Yield the items with a clock that children lack, by source.

        The day is the last one of the week in which the oldest is due, so that it is no child's.
        """
        limited = find_limited_sources(unit)
        clocks = {
            (source.id, kind): (source.code, *clock)
            for source in unit.sources.all()
            if source.code not in limited
            for kind in ItemKind
            if (clock := self._find_item_clock(views, source.code, kind)) is not None
        }
        for gap in find_item_gaps(unit, {kind for _, kind in clocks}):
            if (gap.source_id, gap.kind) not in clocks:
                continue
            source, days, office = clocks[gap.source_id, gap.kind]
            due = add_days(gap.begin, days)
            if due is None:
                continue
            day = date.fromisoformat(due)
            yield self._make(
                ObligationKind.ITEM, source, gap.kind, office, "parties",
                day + timedelta(_LAST_WEEKDAY - day.weekday()), detail=ITEM_OWNERS[gap.kind],
            )  # fmt: skip

    def _find_item_clock(
        self, views: list[AgreementView], source: str, kind: ItemKind
    ) -> tuple[int, str | None] | None:
        """Return an item's days and office; None if no clock runs.

        The shortest clock counts of the agreements in force whose party owns the source.
        """
        clocks = [
            (each.days, _find_office(view.terms, party.code) or party.code)
            for view in views
            if view.terms.state(self.today) is AgreementState.ACTIVE
            for party in view.terms.parties
            if party.owns(source)
            for each in view.terms.clocks
            if each.name == kind
        ]
        if clocks:
            return min(clocks)
        declaration = self._declared.find(ObligationKind.ITEM, source)
        return None if declaration is None or declaration.days is None else (declaration.days, None)

    def read_queue(self, unit: ReadUnit) -> Iterator[Obligation]:
        """Yield by when the oldest open question has to be answered."""
        declaration = self._declared.find(ObligationKind.QUEUE)
        if declaration is None:
            self.without_owner.append((ObligationKind.QUEUE, ""))
            return
        oldest = unit.figures.oldest_opened_at(self.today.isoformat())
        if oldest is not None:
            due = date.fromisoformat(oldest[:10]) + timedelta(declaration.days or 0)
            yield self._make(ObligationKind.QUEUE, "", "answer", None, "sources", due)

    def _find_owner(self, kind: ObligationKind, subject: str, stated: str | None) -> str | None:
        """Return the owner stated with the thing itself, else the declared one."""
        declaration = self._declared.find(kind, subject)
        return stated or (None if declaration is None else declaration.owner)

    def _make(  # noqa: PLR0913, PLR0917 - one fact each
        self, kind: ObligationKind, subject: str, what: str, owner: str | None, owed_to: str | None,
        due: date, reference: str | None = None, detail: str | None = None,
    ) -> Obligation:  # fmt: skip
        declaration = self._declared.find(kind, subject)
        return Obligation(
            kind=kind,
            subject=subject,
            what=what,
            owner=self._find_owner(kind, subject, owner),
            owed_to=owed_to,
            due=due.isoformat(),
            days_left=(due - self.today).days,
            escalates_to=None if declaration is None else declaration.escalates_to,
            reference=reference,
            detail=detail,
        )


def _find_office(terms: Agreement, party: str | None = None) -> str | None:
    """Return the office that an agreement names, the data steward first.

    Args:
        terms: the terms.
        party: party whose office is wanted; None for any.
    """
    owners = [each for each in terms.owners if party is None or each.party == party]
    owners.sort(key=lambda each: each.duty != _STEWARD_DUTY)
    return f"{owners[0].party}: {owners[0].office}" if owners else None
