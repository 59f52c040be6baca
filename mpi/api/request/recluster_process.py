"""Re-clusters of a large index: computed by a process of their own, while this one goes on answering."""

from collections.abc import Callable, Collection
from typing import TypeVar

from mpi.domain.viewer import Viewer, make_operator
from mpi.service.core.index import Index, Matcher
from mpi.service.gates.holds import require_whole_index
from mpi.service.processes.child_process import computed_apart
from mpi.service.recluster import proposals
from mpi.service.recluster.proposals import ProposalResult, ProposalView
from mpi.service.recluster.run_state import RunView
from mpi.service.recluster.threshold_simulation import Simulation, TrialThresholds
from mpi.service.recluster.threshold_simulation import simulate_thresholds as simulate_in_process

MIN_PROCESS_RECORDS = 5_000
"""From this many records on a process is begun, which takes one to two seconds: of 20,000 a proposal takes
three by itself."""

Result = TypeVar("Result")


def propose(
    index: Index, viewer: Viewer, matcher: Matcher, *, refresh_lists: bool = False, reason: str = "recluster"
) -> ProposalView:
    """``proposals.propose``."""
    return _run_job(index, viewer, _propose, matcher, refresh_lists, reason)


def apply_proposal(
    index: Index, viewer: Viewer, matcher: Matcher, number: int, approved: Collection[int] | None = None
) -> ProposalResult:
    """``proposals.apply_proposal``."""
    return _run_job(index, viewer, proposals.apply_proposal, matcher, number, approved)


def roll_back_proposal(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> ProposalResult:
    """``proposals.roll_back_proposal``."""
    return _run_job(index, viewer, proposals.roll_back_proposal, matcher, number)


def resume_run(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> RunView:
    """``proposals.resume_run``."""
    return _run_job(index, viewer, proposals.resume_run, matcher, number)


def simulate(index: Index, viewer: Viewer, bits: TrialThresholds) -> Simulation:
    """``mpi.service.recluster.threshold_simulation.simulate_thresholds``."""
    return _run_job(index, viewer, simulate_in_process, bits)


def _run_job(index: Index, viewer: Viewer, job: Callable[..., Result], *arguments: object) -> Result:
    # No process is begun for who may not ask for it.
    require_whole_index(viewer)
    with index.database.read(make_operator()) as unit:
        record_count = unit.keys.greatest(index.config_id(unit))
    if record_count < MIN_PROCESS_RECORDS:
        return job(index, viewer, *arguments)
    return computed_apart(index, job, viewer, *arguments)


def _propose(
    index: Index, viewer: Viewer, matcher: Matcher, refresh_lists: bool, reason: str
) -> ProposalView:
    return proposals.propose(index, viewer, matcher, refresh_lists=refresh_lists, reason=reason)
