"""Re-cluster proposals: make, read and reject.

An item is a change that can be approved by itself: the persons whose records it regroups, and nobody else.
"""

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.service.core.configuration import read_shared_values
from mpi.service.core.index import Index, Matcher
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.gates.holds import require_whole_index
from mpi.service.gates.proposal_items import list_items
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.recluster.index_scoring import IndexScores, score_index
from mpi.service.recluster.proposal_view import (
    ProposalResult,
    ProposalView,
    disclose_items,
    read_task_count,
    view_proposal,
)
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.settlement import Settlement, settle
from mpi.storage.repositories.derived.proposals import Proposal, ProposalStatus
from mpi.storage.unit_of_work.units import ReadUnit


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
        view = view_proposal(unit, proposal, items, task_count)
    disclose_items(index, viewer, items)
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
        proposal = require_proposal(unit, number)
        items = unit.proposals.items(number)
        view = view_proposal(unit, proposal, items, read_task_count(unit, proposal))
    disclose_items(index, viewer, items)
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
            view_proposal(
                unit,
                proposal,
                unit.proposals.items(proposal.id),
                read_task_count(unit, proposal),
                with_items=False,
            )
            for proposal in unit.proposals.all()
        ]


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
        proposal = require_proposal(unit, number)
        require_open(proposal)
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


def require_proposal(unit: ReadUnit, number: int) -> Proposal:
    """Return a re-cluster proposal by its number."""
    proposal = unit.proposals.get(number)
    if proposal is None:
        raise NotFoundError(f"there is no proposal {number}")
    return proposal


def require_open(proposal: Proposal) -> None:
    """Refuse a re-cluster proposal that was applied, rejected or rolled back."""
    if proposal.status != ProposalStatus.OPEN:
        raise ConflictError(f"proposal {proposal.id} is {proposal.status}: make another one")
