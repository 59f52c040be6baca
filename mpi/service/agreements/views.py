"""Agreements as people read them: lists, one agreement, its history, due warnings."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import Agreement, AgreementState, choose_terms, find_last_day, find_notice
from mpi.policy.duties import Duty
from mpi.service.agreements.documents import to_document
from mpi.service.agreements.duties import read_clocks
from mpi.service.agreements.duties import to_plain_values as describe_running_clock
from mpi.service.agreements.register import find_fault, may_see_all
from mpi.service.agreements.terms import build_versions
from mpi.service.core.index import Index
from mpi.storage.repositories.access.agreements import AgreementHistory
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class AgreementEnd:
    """The last day of an agreement, with the warning that is due.

    Args:
        last_day: last day up to which it stays in force, with approved renewals.
        days_left: days from today to the last day; 0 once it has passed.
        notice: the last warning that is due: 90, 30 or 7 days; None where none is.
    """

    last_day: date
    days_left: int
    notice: int | None


@dataclass(frozen=True, slots=True)
class AgreementView:
    """An agreement as a viewer may read it.

    Args:
        terms: the version whose terms hold; the latest draft where none was approved.
        state: its state today.
        end: its last day; None where it has none.
        draft: the latest version, if it waits for approval and is not shown as terms.
        proposed_by: who proposed the version that waits for approval.
        fault: why the terms could not be approved today.
        clients: names of the clients that act under it.
        accounts: names of the accounts that act under it.
        clocks: its clocks that run, the earliest due day first; for who administers or approves agreements.
    """

    terms: Agreement
    state: AgreementState
    end: AgreementEnd | None = None
    draft: Agreement | None = None
    proposed_by: str | None = None
    fault: str | None = None
    clients: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    clocks: tuple[Duty, ...] = ()

    @property
    def code(self) -> str:
        """The code of the agreement."""
        return self.terms.code


@dataclass(frozen=True, slots=True)
class AgreementEvent:
    """A line of the history of an agreement.

    Args:
        at: when it was done (ISO, UTC).
        by: who did it.
        event: ``propose``, ``approve``, ``suspend``, ``resume`` or ``end``.
        version: the version that it concerns.
        reason: reason that was given.
    """

    at: str
    by: str
    event: str
    version: int
    reason: str | None


def list_agreements(index: Index, viewer: Viewer) -> list[AgreementView]:
    """Return the agreements that a viewer may read, by code.

    Who administers or approves agreements reads all of them. Others read the terms in force of the agreement
    that they act under, and nothing of the rest.

    Raises:
        AccessDenied: the viewer may not read agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    with index.database.read(viewer) as unit:
        if may_see_all(viewer):
            return _build_full_views(unit, index, unit.agreements.all())
        history = None if viewer.agreement is None else unit.agreements.find(viewer.agreement)
        return [] if history is None else _build_own_view(history)


def show_agreement(index: Index, viewer: Viewer, code: str) -> AgreementView:
    """Return an agreement that a viewer may read.

    Raises:
        NotFoundError: there is none of that code, or the viewer may not know of it.
        AccessDenied: the viewer may not read agreements.
    """
    for view in list_agreements(index, viewer):
        if view.code == code:
            return view
    raise NotFoundError(f"there is no agreement {code!r} that you may read")


def list_history(index: Index, viewer: Viewer, code: str) -> list[AgreementEvent]:
    """Return what was done with an agreement, oldest first.

    Raises:
        NotFoundError: there is none of that code.
        AccessDenied: the viewer neither administers nor approves agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    if not may_see_all(viewer):
        raise AccessDenied("the history of an agreement is for those who administer or approve agreements")
    with index.database.read(viewer) as unit:
        history = unit.agreements.find(code)
        if history is None:
            raise NotFoundError(f"there is no agreement {code!r}")
        events = [
            *((version.created_commit, 0, "propose", version.version, None) for version in history.versions),
            *((step.commit_no, 1, str(step.kind), step.version, step.reason) for step in history.steps),
        ]
        commits = unit.commit_info({commit for commit, *_ in events})
    return [
        AgreementEvent(commits[commit][0], commits[commit][1], event, version, reason)
        for commit, _, event, version, reason in sorted(events)
    ]


def list_due_notices(index: Index, viewer: Viewer) -> list[AgreementView]:
    """Return the agreements whose end is near, the nearest first.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    due = [
        (view.end.last_day, view.code, view)
        for view in list_agreements(index, viewer)
        if view.end is not None and view.end.notice is not None
    ]
    return [view for *_, view in sorted(due, key=itemgetter(0, 1))]


def to_plain_values(view: AgreementView) -> dict[str, Any]:
    """Return an agreement as plain values for JSON."""
    return {
        "code": view.code,
        "version": view.terms.version,
        "state": str(view.state),
        "last_day": None if view.end is None else view.end.last_day.isoformat(),
        "days_left": None if view.end is None else view.end.days_left,
        "notice": None if view.end is None else view.end.notice,
        "terms": to_document(view.terms).model_dump(mode="json"),
        "draft": None if view.draft is None else to_document(view.draft).model_dump(mode="json"),
        "draft_version": None if view.draft is None else view.draft.version,
        "proposed_by": view.proposed_by,
        "fault": view.fault,
        "clients": list(view.clients),
        "accounts": list(view.accounts),
        "running_clocks": [describe_running_clock(duty, clock.now().date()) for duty in view.clocks],
    }


def _build_full_views(
    unit: ReadUnit, index: Index, histories: Collection[AgreementHistory]
) -> list[AgreementView]:
    """Return agreements with drafts, faults and who acts under them."""
    proposers = unit.commit_info({history.versions[-1].created_commit for history in histories})
    clients = _group_names((client.agreement, client.name) for client in unit.clients.active())
    accounts = _group_names(
        (account.agreement, account.name) for account in unit.accounts.all() if account.ended_commit is None
    )
    clocks = read_clocks(unit)
    views = []
    for history in histories:
        versions, today = build_versions(history), clock.now().date()
        latest = versions[-1]
        terms = choose_terms(versions, today) or latest
        is_open = terms.state(today) is not AgreementState.ENDED
        waits = is_open and not latest.is_approved
        proposer = proposers[history.versions[-1].created_commit][1]
        views.append(
            AgreementView(
                terms=terms,
                state=terms.state(today),
                end=_find_end(versions, terms, today),
                draft=latest if waits and latest is not terms else None,
                proposed_by=proposer if waits else None,
                fault=find_fault(unit, index, terms) if is_open else None,
                clients=clients.get(history.code, ()),
                accounts=accounts.get(history.code, ()),
                clocks=tuple(duty for duty in clocks if duty.agreement == history.code),
            )
        )
    return views


def _build_own_view(history: AgreementHistory) -> list[AgreementView]:
    """Return the terms in force of the viewer's own agreement, if any."""
    versions, today = build_versions(history), clock.now().date()
    terms = choose_terms(versions, today)
    if terms is None:
        return []
    return [AgreementView(terms=terms, state=terms.state(today), end=_find_end(versions, terms, today))]


def _find_end(versions: list[Agreement], terms: Agreement, today: date) -> AgreementEnd | None:
    """Return an agreement's last day, with the warning that is due."""
    last_day = find_last_day(versions, today) if terms.is_approved else terms.ends
    if last_day is None or terms.ended_on is not None:
        return None
    is_warned = terms.state(today) in (AgreementState.ACTIVE, AgreementState.SUSPENDED)
    return AgreementEnd(
        last_day, max(0, (last_day - today).days), find_notice(last_day, today) if is_warned else None
    )


def _group_names(pairs: Iterable[tuple[str | None, str]]) -> dict[str, tuple[str, ...]]:
    """Return names by the code of the agreement under which they act."""
    names: dict[str, list[str]] = {}
    for code, name in pairs:
        if code is not None:
            names.setdefault(code, []).append(name)
    return {code: tuple(sorted(group)) for code, group in names.items()}
