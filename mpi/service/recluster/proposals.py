"""Re-cluster proposals: make, read, apply, reject and roll back.

An item is a change that can be approved by itself: the persons whose records it regroups, and nobody else.
Unapproved items are held: decisions of the least authority keep their records as published, until a person
releases or refuses the hold. An item that has changed since it was read is held too, because its reader has
not seen what it would do now.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.configuration import read_shared_values
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index, Matcher
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.gates.holds import FIELDS, require_whole_index
from mpi.service.gates.proposal_items import PersonGroup, list_items, load_groups
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.persons.disclosure_recipients import DisclosureRecipients, find_recipients_before
from mpi.service.persons.step_effects import PastDisclosure
from mpi.service.recluster.index_scoring import IndexScores, score_index
from mpi.service.recluster.run_executor import execute_run, resume
from mpi.service.recluster.run_state import RunView, is_alive, new_run_request, view_run
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.settlement import Settlement, settle
from mpi.storage.repositories.derived.proposals import Proposal, ProposalItem, ProposalStatus
from mpi.storage.repositories.derived.recluster_runs import ReclusterRun, RunKind
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MINUTES_A_TASK = 3
"""Minutes of a steward's work for one review task, to estimate hours."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """Item of a re-cluster proposal: the persons before and after it."""

    no: int
    kind: str
    status: str
    before: tuple[PersonGroup, ...]
    after: tuple[PersonGroup, ...]


@dataclass(frozen=True, slots=True)
class ProposalView:
    """Re-cluster proposal as users are shown it.

    Args:
        id: its number.
        status: ``open``, ``applying``, ``applied``, ``rejected`` or ``rolled_back``.
        model: the model that it was made with.
        model_before: the model in force when it was made; once applied, the model in force just before.
        by: who made it.
        at: when it was made (ISO, UTC).
        merge: number of items that merge persons.
        split: number of items that split persons.
        move: number of items that do both.
        moved: records that change person.
        ids_retired: enterprise IDs that would be retired.
        ids_new: enterprise IDs that would be minted or revived.
        tasks: review tasks after it, as of its making; 0 once it has ended.
        steward_hours: hours of work on those tasks, at three minutes each.
        items: the changes.
    """

    id: int
    status: str
    model: str
    model_before: str
    by: str
    at: str
    merge: int
    split: int
    move: int
    moved: int
    ids_retired: int
    ids_new: int
    tasks: int
    steward_hours: float
    items: tuple[ItemView, ...]


@dataclass(frozen=True, slots=True)
class ProposalResult:
    """Counts of what applying, rejecting or rolling back a re-cluster proposal did.

    Args:
        proposal: its number.
        status: its status now.
        applied: number of applied items.
        held: items that were not approved, or that a freeze window holds.
        changed: items that have changed since they were read, and are held.
        moved: records that changed person.
        model: the model in force now.
        disclosed: number of disclosures due to links that it removes.
        disclosures: the latest of them, newest first; empty if the viewer may not read the ledger.
    """

    proposal: int
    status: str
    applied: int
    held: int
    changed: int
    moved: int
    model: str
    disclosed: int = 0
    disclosures: tuple[PastDisclosure, ...] = ()


def propose(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    *,
    refresh_lists: bool = False,
    reason: str = "recluster",
    progress: Progress = ignore_progress,
) -> ProposalView:
    """Re-cluster the index and store the plan as a proposal for approval.

    Nothing else changes.

    Args:
        index: the open index.
        viewer: who asks.
        matcher: the model.
        refresh_lists: make the lists of shared values from the active records.
        reason: a reason code.
        progress: receives the progress of long steps.

    Raises:
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    code = check_reason(reason)
    on_date = clock.today()
    with index.database.read(viewer) as unit:
        scores = _score_index(unit, index, matcher, progress, refresh=refresh_lists)
        settlement = _settle(unit, matcher, scores, on_date)
        items = list_items(settlement)
    with index.database.write(viewer, "proposal") as unit:
        number = unit.counters.take("proposal")
        task_count = len(settlement.tasks)
        proposal = Proposal(
            id=number,
            status=ProposalStatus.OPEN,
            model=matcher.model.ref,
            config_digest=matcher.digest(scores.shared_values, index.keyed_hash.token_keys),
            model_before=index.matcher.model.ref,
            on_date=on_date,
            commit_no=unit.commit_no,
        )
        unit.proposals.add(proposal, items)
        add_step(unit, "proposal", code, {"proposal": number, "tasks": task_count})
        view = _view_proposal(unit, proposal, items, task_count)
    _disclose_items(index, viewer, items)
    return view


def get_proposal(index: Index, viewer: Viewer, number: int) -> ProposalView:
    """Return a re-cluster proposal with its items.

    Args:
        index: the open index.
        viewer: who asks.
        number: the proposal's number.

    Raises:
        NotFoundError: there is no such proposal.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        proposal = _require_proposal(unit, number)
        items = unit.proposals.items(number)
        view = _view_proposal(unit, proposal, items, _read_task_count(unit, proposal))
    _disclose_items(index, viewer, items)
    return view


def list_proposals(index: Index, viewer: Viewer) -> list[ProposalView]:
    """Return every re-cluster proposal, newest first, without its items.

    Args:
        index: the open index.
        viewer: who asks.

    Raises:
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        return [
            _view_proposal(
                unit,
                proposal,
                unit.proposals.items(proposal.id),
                _read_task_count(unit, proposal),
                with_items=False,
            )
            for proposal in unit.proposals.all()
        ]


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
        _require_open(_require_proposal(unit, number))
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
        proposal = _require_proposal(unit, number)
        interrupted_run = _find_interrupted_run(unit, number, RunKind.PROPOSAL)
        if interrupted_run is None:
            _require_open(proposal)
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
            status=_require_proposal(unit, number).status,
            applied=counts.get("applied", 0) if run.kind == RunKind.PROPOSAL else 0,
            held=run.held,
            changed=run.changed,
            moved=run.moved,
            model=matcher.model.ref,
        )
        receipts = find_recipients_before(unit, person_of_record, first_commit)
    return _disclose_recipients(index, viewer, result, receipts)


def reject_proposal(index: Index, viewer: Viewer, number: int) -> ProposalResult:
    """Reject a re-cluster proposal: nothing of it is applied or held.

    Args:
        index: the open index.
        viewer: who rejects it.
        number: the proposal's number.

    Raises:
        NotFoundError: there is no such proposal.
        ConflictError: the proposal is not open.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.write(viewer, "proposal") as unit:
        proposal = _require_proposal(unit, number)
        _require_open(proposal)
        unit.proposals.set_status(number, ProposalStatus.REJECTED, ended=unit.commit_no)
    return ProposalResult(
        proposal=number,
        status=ProposalStatus.REJECTED,
        applied=0,
        held=0,
        changed=0,
        moved=0,
        model=index.matcher.model.ref,
    )


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
        proposal = _require_proposal(unit, number)
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


def _disclose_recipients(
    index: Index, viewer: Viewer, result: ProposalResult, receipts: DisclosureRecipients
) -> ProposalResult:
    """Add past disclosures of removed links to a proposal's result.

    That the viewer learns of them is itself recorded in the disclosure ledger.
    """
    if receipts.latest:
        disclose(index, viewer, Action.RECLUSTER, receipts.record_ids, (*FIELDS, "disclosures"))
    return replace(result, disclosed=receipts.answer_count or 0, disclosures=receipts.latest)


def _score_index(
    unit: ReadUnit, index: Index, matcher: Matcher, progress: Progress, *, refresh: bool
) -> IndexScores:
    """Score all candidate pairs under a model and its shared-value lists."""
    _, shared_values = read_shared_values(unit, index, matcher, refresh=refresh)
    return score_index(unit, index, matcher, matcher.model.thresholds.storage_floor, progress, shared_values)


def _settle(unit: ReadUnit, matcher: Matcher, scores: IndexScores, on_date: str) -> Settlement:
    """Compute the persons of the whole index from scored pairs."""
    scope = load_whole_index(unit, scores.edges)
    return settle(unit, scope, scores.read_features, matcher.scorer, matcher.model.thresholds, on_date)


def _require_proposal(unit: ReadUnit, number: int) -> Proposal:
    """Return a re-cluster proposal by its number."""
    proposal = unit.proposals.get(number)
    if proposal is None:
        raise NotFoundError(f"there is no proposal {number}")
    return proposal


def _find_interrupted_run(unit: ReadUnit, number: int, kind: RunKind) -> ReclusterRun | None:
    """Return the interrupted re-cluster run of a proposal, or None."""
    run = unit.runs.find_open()
    if run is None or (run.proposal_id, run.kind) != (number, kind) or is_alive(run):
        return None
    return run


def _require_open(proposal: Proposal) -> None:
    """Refuse a re-cluster proposal that was applied, rejected or rolled back."""
    if proposal.status != ProposalStatus.OPEN:
        raise ConflictError(f"proposal {proposal.id} is {proposal.status}: make another one")


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


def _read_task_count(unit: ReadUnit, proposal: Proposal) -> int:
    """Return the number of review tasks after an open re-cluster proposal."""
    steps = [step for step in unit.steps.steps_in_commits([proposal.commit_no]) if step.kind == "proposal"]
    return int(steps[0].detail["tasks"]) if steps and proposal.status == ProposalStatus.OPEN else 0


def _view_proposal(
    unit: ReadUnit,
    proposal: Proposal,
    items: Sequence[ProposalItem],
    task_count: int,
    *,
    with_items: bool = True,
) -> ProposalView:
    """Build the view of a re-cluster proposal, with counts of its changes."""
    made_at, made_by, _ = unit.commit_info({proposal.commit_no})[proposal.commit_no]
    kinds = [item.kind for item in items]
    retired_count = new_count = moved_count = 0
    for item in items:
        persons_after = {person for person, _ in item.detail["after"]}
        person_before = {record: person for person, records in item.detail["before"] for record in records}
        retired_count += sum(person not in persons_after for person, _ in item.detail["before"])
        new_count += sum(person not in person_before.values() for person in persons_after)
        moved_count += sum(
            person_before.get(r) != person for person, records in item.detail["after"] for r in records
        )
    item_views = (
        ItemView(item.no, item.kind, item.status, *load_groups(unit, item.detail))
        for item in (items if with_items else ())
    )
    return ProposalView(
        id=proposal.id,
        status=proposal.status,
        model=proposal.model,
        model_before=proposal.model_before,
        by=made_by,
        at=made_at,
        merge=kinds.count("merge"),
        split=kinds.count("split"),
        move=kinds.count("move"),
        moved=moved_count,
        ids_retired=retired_count,
        ids_new=new_count,
        tasks=task_count,
        steward_hours=round(task_count * MINUTES_A_TASK / 60, 1),
        items=tuple(item_views),
    )


def _disclose_items(index: Index, viewer: Viewer, items: Iterable[ProposalItem]) -> None:
    """Log in the disclosure ledger that a proposal's records were shown."""
    records = {record for item in items for _, group in item.detail["before"] for record in group}
    disclose(index, viewer, Action.RECLUSTER, records, FIELDS)
