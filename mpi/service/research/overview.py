"""State of each research project: terms, extracts, recipient, and what is due."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Viewer
from mpi.policy.agreement import Agreement, choose_terms, find_last_day
from mpi.policy.cases.research import find_refusal
from mpi.service.agreements.terms import build_versions, find_terms
from mpi.service.core.index import Index
from mpi.service.research.destruction import read_certificate
from mpi.service.research.projects import ProjectHistory, describe_terms, read_history
from mpi.service.rights.research_ids import read_projects, require_manager
from mpi.storage.unit_of_work.units import ReadUnit


class ProjectState(StrEnum):
    """State of a research project on a day."""

    NO_TERMS = "no_terms"
    """Nobody recorded what it may have."""
    READY = "ready"
    """It may have an extract."""
    REFUSED = "refused"
    """It may have none today."""
    DUE = "due"
    """Its extracts should be destroyed by now, and nobody has attested it."""
    DESTROYED = "destroyed"
    """It is attested that its extracts are destroyed."""
    ENDED = "ended"
    """It ended without an attested destruction."""


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """A research project and what became of its extracts.

    Args:
        project: the project as plain values (``read_projects``).
        state: its state today.
        terms: its latest terms as plain values; None before the first.
        recipient: name of the party that receives the extracts; None where the agreement does not name it.
        refusal: why it may have no extract today; None where it may.
        extracts: day, rows, digest, agreement and last day of each extract, oldest first.
        destruction_due: last day by which its extracts have to be destroyed; None without one, or once they
            are.
        certificate: certificate of the destruction as plain values; None before it.
    """

    project: Mapping[str, Any]
    state: ProjectState
    terms: Mapping[str, Any] | None
    recipient: str | None
    refusal: str | None
    extracts: Sequence[Mapping[str, Any]]
    destruction_due: str | None
    certificate: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the overview as plain values for JSON."""
        return {
            **self.project,
            "state": str(self.state),
            "terms": self.terms,
            "recipient": self.recipient,
            "refusal": self.refusal,
            "extracts": [dict(extract) for extract in self.extracts],
            "destruction_due": self.destruction_due,
            "certificate": self.certificate,
        }


def list_overviews(index: Index, viewer: Viewer) -> list[ProjectOverview]:
    """Return the overview of every research project, oldest first.

    Raises:
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    with index.database.read(viewer) as unit:
        return [_read_overview(unit, index, project) for project in read_projects(unit)]


def show_overview(index: Index, viewer: Viewer, code: str) -> ProjectOverview:
    """Return the overview of one research project.

    Raises:
        NotFoundError: there is no such project.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    with index.database.read(viewer) as unit:
        for project in read_projects(unit):
            if project["code"] == code:
                return _read_overview(unit, index, project)
    raise NotFoundError("there is no such research project: see mpi research list")


def _read_overview(unit: ReadUnit, index: Index, project: Mapping[str, Any]) -> ProjectOverview:
    today = clock.now().date()
    history = read_history(unit, project["code"])
    terms = history.terms
    agreement = None if terms is None else find_terms(unit, terms.agreement, today)
    party = None if terms is None or agreement is None else agreement.find_party(terms.recipient)
    refusal = None if terms is None else find_refusal(terms, agreement, today)
    due = _find_due_day(unit, history, today)
    return ProjectOverview(
        project=project,
        state=_find_state(history, has_refusal=refusal is not None, is_due=due is not None and due < today),
        terms=None if terms is None else describe_terms(terms),
        recipient=None if party is None else party.name,
        refusal=None if refusal is None else refusal.sentence,
        extracts=history.extracts,
        destruction_due=None if due is None else due.isoformat(),
        certificate=_describe_certificate(index, history),
    )


def _describe_certificate(index: Index, history: ProjectHistory) -> dict[str, Any] | None:
    if history.destroyed is None:
        return None
    certificate = read_certificate(index, history.destroyed)
    return certificate.as_dict() | {"is_valid": certificate.is_valid}


def _read_versions(unit: ReadUnit, agreement: str) -> list[Agreement]:
    stored = unit.agreements.find(agreement)
    return [] if stored is None else build_versions(stored)


def _find_due_day(unit: ReadUnit, history: ProjectHistory, today: date) -> date | None:
    """Return the earliest last day of a project's extracts; None without one."""
    if history.destroyed is not None:
        return None
    days = (day for extract in history.extracts for day in _list_last_days(unit, history, extract, today))
    return min(days, default=None)


def _list_last_days(
    unit: ReadUnit, history: ProjectHistory, extract: Mapping[str, Any], today: date
) -> Iterator[date]:
    """Yield an extract's last days by its original and present terms."""
    if "destroy_by" in extract:
        yield date.fromisoformat(extract["destroy_by"])
    if history.terms is not None:
        yield history.terms.expires
        for code in {history.terms.agreement, extract.get("agreement", history.terms.agreement)}:
            yield from _list_days_of_agreement(_read_versions(unit, code), extract, today)


def _list_days_of_agreement(
    versions: Sequence[Agreement], extract: Mapping[str, Any], today: date
) -> Iterator[date]:
    """Yield an extract's last days by its agreement's end and retention."""
    agreement = choose_terms(versions, today)
    if agreement is None:
        return
    last_day = agreement.ended_on or find_last_day(versions, today)
    if last_day is not None:
        yield last_day
    if agreement.retention_days is not None:
        yield date.fromisoformat(extract["day"]) + timedelta(days=agreement.retention_days)


def _find_state(history: ProjectHistory, *, has_refusal: bool, is_due: bool) -> ProjectState:
    if history.destroyed is not None:
        return ProjectState.DESTROYED
    if is_due:
        return ProjectState.DUE
    if history.project.salt is None:
        return ProjectState.ENDED
    if history.terms is None:
        return ProjectState.NO_TERMS
    return ProjectState.REFUSED if has_refusal else ProjectState.READY
