"""Re-clusters and simulations in a child process, for a large index.

The server goes on answering while the child process computes.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from mpi.domain.viewer import Viewer, make_operator
from mpi.service.core.index import Index, Matcher
from mpi.service.gates.holds import require_whole_index
from mpi.service.processes.child_process import run_with_index_in_child_process
from mpi.service.recluster import proposal_application, proposals
from mpi.service.recluster.proposal_view import ProposalResult, ProposalView
from mpi.service.recluster.run_state import RunView
from mpi.service.recluster.threshold_simulation import Simulation, TrialThresholds
from mpi.service.recluster.threshold_simulation import simulate_thresholds as simulate_in_process

Result = TypeVar("Result")


def propose(
    index: Index, viewer: Viewer, matcher: Matcher, *, refresh_lists: bool = False, reason: str = "recluster"
) -> ProposalView:
    """Compute a re-cluster proposal; see ``mpi.service.recluster.proposals.propose``."""
    return _run_job(index, viewer, _propose_in_process, matcher, refresh_lists, reason)


def apply_proposal(
    index: Index, viewer: Viewer, matcher: Matcher, number: int, approved: Collection[int] | None = None
) -> ProposalResult:
    """Apply a re-cluster proposal; see ``mpi.service.recluster.proposal_application.apply_proposal``."""
    return _run_job(index, viewer, proposal_application.apply_proposal, matcher, number, approved)


def roll_back_proposal(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> ProposalResult:
    """Roll back a proposal; see ``mpi.service.recluster.proposal_application.roll_back_proposal``."""
    return _run_job(index, viewer, proposal_application.roll_back_proposal, matcher, number)


def resume_run(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> RunView:
    """Resume an interrupted re-cluster run; see ``mpi.service.recluster.proposal_application.resume_run``."""
    return _run_job(index, viewer, proposal_application.resume_run, matcher, number)


def simulate(index: Index, viewer: Viewer, bits: TrialThresholds) -> Simulation:
    """Simulate a re-cluster with other thresholds; see ``mpi.service.recluster.threshold_simulation``."""
    return _run_job(index, viewer, simulate_in_process, bits)


def _run_job(index: Index, viewer: Viewer, job: Callable[..., Result], *arguments: object) -> Result:
    """Run a re-cluster job, in a child process for a large index."""
    # Checked here first, so that no process is started for a caller without permission.
    require_whole_index(viewer)
    with index.database.read(make_operator()) as unit:
        record_count = unit.keys.forward.max_record_id(index.config_id(unit))
    if record_count < index.tuning.request.process_records:
        return job(index, viewer, *arguments)
    return run_with_index_in_child_process(index, job, viewer, *arguments)


def _propose_in_process(
    index: Index, viewer: Viewer, matcher: Matcher, refresh_lists: bool, reason: str
) -> ProposalView:
    """Compute a re-cluster proposal, with positional arguments for a child process."""
    return proposals.propose(index, viewer, matcher, refresh_lists=refresh_lists, reason=reason)
