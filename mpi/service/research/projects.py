"""Terms of research projects, and what became of their extracts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.policy.agreement import LinkedBy
from mpi.policy.cases.research import IrbDecision, ResearchTerms, check_fields, find_refusal
from mpi.policy.cases.subject_rights import check_person
from mpi.service.agreements.terms import find_terms
from mpi.service.core.index import Index
from mpi.service.research.variables import check_levels, list_variables
from mpi.service.rights.research_ids import require_manager, require_project
from mpi.storage.repositories.access.research_projects import StoredProject, StoredResearchStep
from mpi.storage.unit_of_work.units import ReadUnit

TERMS, EXTRACT, DESTROYED = "terms", "extract", "destroyed"
"""Kinds of steps of a project."""


@dataclass(frozen=True, slots=True)
class ProjectHistory:
    """A research project with what was recorded of it.

    Args:
        project: the project.
        terms: its latest terms; None before the first.
        extracts: what was recorded of each extract, with its recipient, oldest first.
        destroyed: the attested destruction; None before it.
    """

    project: StoredProject
    terms: ResearchTerms | None
    extracts: tuple[Mapping[str, Any], ...]
    destroyed: Mapping[str, Any] | None


def set_terms(index: Index, viewer: Viewer, code: str, terms: ResearchTerms) -> None:
    """Record what a project may have; the latest terms count.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the project.
        terms: the terms. Whether the agreement permits them is checked at each extract too.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it has ended.
        InputError: a text, field or level is wrong, the last day has passed, or the agreement does not
            permit the terms today; the message says what.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    today = clock.now().date()
    if terms.expires < today:
        raise InputError("expires: the last day has passed")
    checked = replace(
        terms,
        irb_reference=check_person("irb_reference", terms.irb_reference),
        recorded_by=check_person("recorded_by", terms.recorded_by),
        fields=check_fields(terms.fields),
    )
    check_levels(list_variables(checked.fields), checked.levels)
    with index.database.write(viewer, "research-terms") as unit:
        require_project(unit, code)
        refusal = find_refusal(checked, find_terms(unit, checked.agreement, today), today)
        if refusal is not None:
            raise InputError(f"terms: {refusal.sentence}")
        unit.research_projects.add_step(StoredResearchStep(code, unit.commit_no, TERMS, _to_details(checked)))


def read_history(unit: ReadUnit, code: str) -> ProjectHistory:
    """Return a project with its terms, extracts and destruction.

    Raises:
        NotFoundError: there is no such project.
    """
    project = unit.research_projects.find(code)
    if project is None:
        raise NotFoundError("there is no such research project: see mpi research list")
    steps = unit.research_projects.steps(code)
    terms: ResearchTerms | None = None
    extracts: list[Mapping[str, Any]] = []
    for step in steps:
        if step.kind == TERMS:
            terms = _from_details(step.details)
        elif step.kind == EXTRACT:
            # Older extracts are stored without their recipient.
            extracts.append({"recipient": terms and terms.recipient, **step.details})
    destroyed = [step.details for step in steps if step.kind == DESTROYED]
    return ProjectHistory(project, terms, tuple(extracts), destroyed[-1] if destroyed else None)


def show_project(index: Index, viewer: Viewer, code: str) -> ProjectHistory:
    """Return a project with its terms, extracts and destruction.

    Raises:
        NotFoundError: there is no such project.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    with index.database.read(viewer) as unit:
        return read_history(unit, code)


def describe_terms(terms: ResearchTerms) -> dict[str, Any]:
    """Return terms as plain values for JSON."""
    return _to_details(terms)


def _to_details(terms: ResearchTerms) -> dict[str, Any]:
    return {
        "agreement": terms.agreement,
        "recipient": terms.recipient,
        "irb_reference": terms.irb_reference,
        "irb_decision": str(terms.irb_decision),
        "expires": terms.expires.isoformat(),
        "fields": list(terms.fields),
        "levels": dict(sorted(terms.levels.items())),
        "recorded_by": terms.recorded_by,
        "linked_by": str(terms.linked_by),
    }


def _from_details(details: Mapping[str, Any]) -> ResearchTerms:
    return ResearchTerms(
        agreement=details["agreement"],
        recipient=details["recipient"],
        irb_reference=details["irb_reference"],
        irb_decision=IrbDecision(details["irb_decision"]),
        expires=date.fromisoformat(details["expires"]),
        fields=tuple(details["fields"]),
        levels=details["levels"],
        recorded_by=details["recorded_by"],
        linked_by=LinkedBy(details.get("linked_by", LinkedBy.OPERATIONAL)),
    )
