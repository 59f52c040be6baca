"""Research extract of a project.

A line on the ledger is written before its files leave.

The same terms, index and day give the same bytes. What is refused is on the record of refusals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import Agreement
from mpi.policy.cases.research import (
    RESEARCH_PURPOSE,
    ResearchTerms,
    find_grants,
    find_last_day_to_keep,
    find_refusal,
)
from mpi.reports.reidentification import suggest_levels
from mpi.service.agreements.refusals import record_refusal
from mpi.service.agreements.terms import find_terms
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.quality.calibration import measure_calibration
from mpi.service.research.documents import MANIFEST, digest, write_files
from mpi.service.research.facts import SOURCE, WHOLE, ExtractFacts, FoundExtract, find_extract
from mpi.service.research.projects import EXTRACT, read_history
from mpi.service.rights.research_ids import require_project
from mpi.storage.repositories.access.research_projects import StoredResearchStep
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class ResearchExtract:
    """Files of an extract.

    Args:
        files: content by name of the file; the manifest lists the others.
        rows: number of records.
        children: number of children.
        digest: SHA-256 of the manifest.
    """

    files: Mapping[str, bytes]
    rows: int
    children: int
    digest: str


def make_extract(index: Index, viewer: Viewer, code: str) -> ResearchExtract:
    """Return the files of a project's extract, and write the ledger.

    Args:
        index: the open index.
        viewer: who exports.
        code: code of the project.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it has ended or has no terms, or de-identified data does not pass the risk rule; the
            message says what to coarsen.
        AccessDenied: the agreement or the terms do not permit the extract, or the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    with index.database.read(viewer) as unit:
        project = require_project(unit, code)
        terms, agreement = _require_permitted(unit, index, viewer, code)
        grants = find_grants(agreement, terms.recipient)
        found = find_extract(unit, index, project, terms, agreement, grants)
    recipient = _act_for(viewer, terms)
    _require_low_risk(index, recipient, found)
    rates = measure_calibration(index, viewer, frozenset(found.records), found.pairs).rates
    files = write_files(found.facts, rates)
    fields = (f"research:{code}", f"party:{terms.recipient}", *found.facts.header)
    disclose(index, recipient, Action.CROSSWALK_EXPORT, found.records, fields)
    extract = ResearchExtract(
        files, len(found.facts.table), found.facts.risk.children, digest(files[MANIFEST])
    )
    _note_extract(index, viewer, found.facts, extract)
    return extract


def _act_for(viewer: Viewer, terms: ResearchTerms) -> Viewer:
    """Return the viewer with the project's purpose and agreement, for the ledger."""
    return replace(viewer, purpose=RESEARCH_PURPOSE, agreement=terms.agreement)


def _require_permitted(
    unit: ReadUnit, index: Index, viewer: Viewer, code: str
) -> tuple[ResearchTerms, Agreement]:
    """Return a project's terms and agreement if they permit an extract.

    Raises:
        ConflictError: the project has no terms.
        AccessDenied: its agreement or its terms do not permit the extract today.
    """
    terms = read_history(unit, code).terms
    if terms is None:
        raise ConflictError("this project has no terms yet: record them with mpi research terms")
    today = clock.now().date()
    agreement = find_terms(unit, terms.agreement, today)
    refusal = find_refusal(terms, agreement, today)
    if refusal is not None:
        record_refusal(index, _act_for(viewer, terms), Action.CROSSWALK_EXPORT, refusal.code)
        raise AccessDenied(f"no extract for the project {code!r}: {refusal.sentence}", refusal.code)
    if agreement is None:
        raise AssertionError("an extract without an agreement is refused above")
    return terms, agreement


def _require_low_risk(index: Index, recipient: Viewer, found: FoundExtract) -> None:
    """Refuse de-identified data from which a child could be told.

    Raises:
        ConflictError: it does not pass the risk rule; the message says what to coarsen.
    """
    facts = found.facts
    if not facts.is_deidentified or facts.risk.passes:
        return
    levels: dict[str, tuple[str, ...]] = {SOURCE: (WHOLE,)}
    levels |= {
        each.name: each.levels[each.levels.index(facts.levels[each.name]) :] for each in facts.variables
    }
    suggested = suggest_levels(found.read_signatures, levels, facts.required_size)
    record_refusal(index, recipient, Action.CROSSWALK_EXPORT, "risk-too-high")
    problem = (
        f"{facts.risk.exposed:,} of {facts.risk.children:,} children are in classes of fewer than "
        f"{facts.required_size}, and this extract must be de-identified"
    )
    if suggested is None:
        raise ConflictError(f"{problem}: no coarsening is enough, ask for fewer fields or sources")
    changed = [
        f"--coarsen {name}={level}"
        for name, level in suggested.items()
        if level != facts.levels.get(name, WHOLE)
    ]
    raise ConflictError(f"{problem}: record terms with {' '.join(changed)}")


def _note_extract(index: Index, viewer: Viewer, facts: ExtractFacts, extract: ResearchExtract) -> None:
    """Record an extract as a step of its project, once.

    Its last day is recorded too: later terms may name an earlier one, and never a later one.
    """
    code, day = facts.project.code, date.fromisoformat(facts.day)
    last_day = find_last_day_to_keep(facts.terms, facts.agreement, day)
    with index.database.write(viewer, "research-extract") as unit:
        known = (step.details.get("digest") for step in unit.research_projects.steps(code))
        if extract.digest not in known:
            details = {
                "day": facts.day,
                "digest": extract.digest,
                "rows": extract.rows,
                "agreement": facts.terms.agreement,
                "recipient": facts.terms.recipient,
                "destroy_by": last_day.isoformat(),
            }
            unit.research_projects.add_step(StoredResearchStep(code, unit.commit_no, EXTRACT, details))
