"""Application of re-cluster proposals, and its rollback.

Unapproved items are held: decisions of the least authority keep their records as published, until a person
releases or refuses the hold. An item that has changed since it was read is held too, because its reader has
not seen what it would do now.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Action, Viewer
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index, Matcher
from mpi.service.gates.holds import FIELDS, require_whole_index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.persons.disclosure_recipients import DisclosureRecipients, find_recipients_before
from mpi.service.recluster.proposal_view import ProposalResult
from mpi.service.recluster.proposals import require_open, require_proposal
from mpi.service.recluster.run_executor import execute_run, resume
from mpi.service.recluster.run_state import RunView, is_alive, new_run_request, view_run
from mpi.storage.repositories.derived.proposals import Proposal, ProposalStatus
from mpi.storage.repositories.derived.recluster_runs import ReclusterRun, RunKind
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def apply_proposal(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    number: int,
    approved: Collection[int] | None = None,
    progress: Progress = ignore_progress,
) -> ProposalResult:
    """Apply a re-cluster proposal, whole or in part; the rest is held.

    The proposal is applied in many short transactions. An interrupted application is resumed, with the items
    approved then.

    Args:
        index: the open index.
        viewer: who approves.
        matcher: the model that the proposal was made with.
        number: the proposal's number.
        approved: numbers of the approved items; None for all.
        progress: receives the progress of long steps.

    Raises:
        InputError: there is no such item.
        NotFoundError: there is no such proposal.
        ConflictError: the proposal is not open, or was made with another model.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    proposal, interrupted_run = require_applicable(index, viewer, matcher, number, approved)
    if interrupted_run is not None:
        return _summarize_run(
            index, viewer, resume(index, viewer, matcher, interrupted_run.id, progress).run, matcher
        )

    def mark_applying(unit: WriteUnit) -> dict[str, Any]:
        require_open(require_proposal(unit, number))
        unit.proposals.set_status(number, ProposalStatus.APPLYING)
        return {}

    request = new_run_request(
        RunKind.PROPOSAL,
        proposal.on_date,
        number,
        approved=None if approved is None else sorted(set(approved)),
        digest=proposal.config_digest,
    )
    result = execute_run(index, viewer, matcher, request, progress, on_begin=mark_applying)
    return _summarize_run(index, viewer, result.run, matcher)


def require_applicable(
    index: Index, viewer: Viewer, matcher: Matcher, number: int, approved: Collection[int] | None
) -> tuple[Proposal, ReclusterRun | None]:
    """Return a proposal that can be applied, and its interrupted application.

    Args:
        index: the open index.
        viewer: who approves.
        matcher: the model that the proposal was made with.
        number: the proposal's number.
        approved: numbers of the approved items; None for all.

    Returns:
        The proposal, and the run that was applying it; None for the run if none was interrupted.

    Raises:
        InputError: there is no such item.
        NotFoundError: there is no such proposal.
        ConflictError: the proposal is not open, or was made with another model.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        proposal = require_proposal(unit, number)
        interrupted_run = _find_interrupted_run(unit, number, RunKind.PROPOSAL)
        if interrupted_run is None:
            require_open(proposal)
        if matcher.model.ref != proposal.model:
            raise ConflictError(f"proposal {number} was made with model {proposal.model}")
        item_numbers = {item.no for item in unit.proposals.items(number)}
    if approved is not None and set(approved) - item_numbers:
        raise InputError(f"items: proposal {number} has {len(item_numbers):,} items, numbered from 1")
    return proposal, interrupted_run


def resume_run(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    number: int,
    progress: Progress = ignore_progress,
    engine: BatchEngine = DUCKDB_ENGINE,
) -> RunView:
    """Resume an interrupted re-cluster run and return its view.

    See ``mpi.service.recluster.run_executor.resume``.

    Args:
        index: the open index.
        viewer: who acts.
        matcher: the model that the run puts in force.
        number: the run's number.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them, if the run has not done so.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: the run has ended, is executed by another process or puts another model in force.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    result = resume(index, viewer, matcher, number, progress, engine)
    with index.database.read(viewer) as unit:
        return view_run(unit, result.run)


def roll_back_proposal(
    index: Index, viewer: Viewer, matcher: Matcher, number: int, progress: Progress = ignore_progress
) -> ProposalResult:
    """Roll back an applied re-cluster proposal.

    A rollback is a re-cluster run with the earlier configuration. It also releases the proposal's held
    changes.

    Args:
        index: the open index.
        viewer: who asks.
        matcher: the model that was in force before, as the proposal states.
        number: the proposal's number.
        progress: receives the progress of long steps.

    Raises:
        NotFoundError: there is no such proposal.
        ConflictError: the proposal is not applied, a later one is, another configuration was put in force
            since, or the model is another.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        interrupted_run = _find_interrupted_run(unit, number, RunKind.ROLLBACK)
    if interrupted_run is not None:
        return _summarize_run(
            index, viewer, resume(index, viewer, matcher, interrupted_run.id, progress).run, matcher
        )

    def check_and_describe(unit: WriteUnit) -> dict[str, Any]:
        proposal = require_proposal(unit, number)
        if proposal.status != ProposalStatus.APPLIED or proposal.applied_commit is None:
            raise ConflictError(f"proposal {number} is {proposal.status}: there is nothing to roll back")
        if matcher.model.ref != proposal.model_before:
            raise ConflictError(f"before proposal {number} model {proposal.model_before} was in force")
        _require_latest(unit, proposal, proposal.applied_commit)
        previous_config_id = unit.configs.config_in_force_at(proposal.applied_commit - 1)
        return {
            "digest": None if previous_config_id is None else unit.configs.digest(previous_config_id),
            "from_commit": proposal.applied_commit,
        }

    request = new_run_request(RunKind.ROLLBACK, clock.today(), number)
    result = execute_run(index, viewer, matcher, request, progress, on_begin=check_and_describe)
    return _summarize_run(index, viewer, result.run, matcher)


def _summarize_run(index: Index, viewer: Viewer, run: ReclusterRun, matcher: Matcher) -> ProposalResult:
    """Return what a re-cluster run did, with disclosures due to removed links."""
    number = run.proposal_id or 0
    first_commit, last_commit = run.flipped_commit or run.began_commit, run.ended_commit
    cause = "rollback" if run.kind == RunKind.ROLLBACK else "recluster"
    with index.database.read(viewer) as unit:
        previous_persons = unit.identity_events.records_moved_by(cause, first_commit, last_commit)
        records_of_person = unit.persons.members_by_person_at(
            set(previous_persons.values()), first_commit - 1
        )
        person_of_record = {
            record: person for person, records in records_of_person.items() for record in records
        }
        counts = unit.proposals.item_counts(number)
        result = ProposalResult(
            proposal=number,
            status=require_proposal(unit, number).status,
            applied=counts.get("applied", 0) if run.kind == RunKind.PROPOSAL else 0,
            held=run.held,
            changed=run.changed,
            moved=run.moved,
            model=matcher.model.ref,
        )
        receipts = find_recipients_before(unit, person_of_record, first_commit)
    return _disclose_recipients(index, viewer, result, receipts)


def _find_interrupted_run(unit: ReadUnit, number: int, kind: RunKind) -> ReclusterRun | None:
    """Return the interrupted re-cluster run of a proposal, or None."""
    run = unit.runs.find_open()
    if run is None or (run.proposal_id, run.kind) != (number, kind) or is_alive(run):
        return None
    return run


def _require_latest(unit: ReadUnit, proposal: Proposal, applied_commit: int) -> None:
    """Refuse to roll back a proposal after a later configuration.

    The rollback would lose that configuration.
    """
    later_proposals = [
        (candidate.applied_commit, candidate.id)
        for candidate in unit.proposals.all()
        if candidate.status == ProposalStatus.APPLIED and (candidate.applied_commit or 0) > applied_commit
    ]
    if later_proposals:
        latest_id = max(later_proposals)[1]
        raise ConflictError(
            f"proposal {latest_id} was applied after proposal {proposal.id}: roll that back first"
        )
    active = unit.configs.active_config()
    if active is not None and active.id != unit.configs.config_in_force_at(applied_commit):
        run = next(run for run in unit.runs.all() if (run.flipped_commit or 0) > applied_commit)
        raise ConflictError(
            f"run {run.id} has put a configuration of model {run.model} in force since proposal {proposal.id}"
            " was applied: re-cluster in place of rolling back"
        )


def _disclose_recipients(
    index: Index, viewer: Viewer, result: ProposalResult, receipts: DisclosureRecipients
) -> ProposalResult:
    """Add past disclosures of removed links to a proposal's result.

    That the viewer learns of them is itself recorded in the disclosure ledger.
    """
    if receipts.latest:
        disclose(index, viewer, Action.RECLUSTER, receipts.record_ids, (*FIELDS, "disclosures"))
    return replace(result, disclosed=receipts.answer_count or 0, disclosures=receipts.latest)
