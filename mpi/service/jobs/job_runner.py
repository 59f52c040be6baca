"""Execution of a job, in this process or a child of it."""

from collections.abc import Callable, Mapping

from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress
from mpi.service.jobs.job_recorder import JobRecorder
from mpi.service.jobs.job_state import JobKind
from mpi.service.loads.load_undo import undo_load
from mpi.service.loads.sent_files.upload import load_upload, preview_upload
from mpi.service.recluster.proposal_application import apply_proposal, roll_back_proposal
from mpi.service.recluster.proposals import propose
from mpi.storage.repositories.derived.proposals import ProposalStatus
from mpi.storage.repositories.steps.jobs import StoredJob
from mpi.storage.unit_of_work.database import Lock

CARRIED_ON = "carried_on"
"""Option of a job that carries on interrupted work."""


def run_job(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> int | None:
    """Do the work of a begun job and store its progress.

    Args:
        index: the open index.
        viewer: who began it.
        matcher: the model that a re-cluster puts in force or proposes.
        number: the job, from ``begin_job``.

    Returns:
        Number of what the job made, if anything.

    Raises:
        NotFoundError: there is no such job.
        ConflictError: another process does it, or the work is refused.
    """
    with index.database.read(viewer) as unit:
        job = unit.jobs.get(number)
    if job is None:
        raise NotFoundError(f"there is no job {number}")
    with JobRecorder(index, viewer, job) as recorder:
        recorder.result = _WORK_BY_KIND[JobKind(job.kind)](index, viewer, matcher, job, recorder.report)
    return recorder.result


def _propose(index: Index, viewer: Viewer, matcher: Matcher, job: StoredJob, progress: Progress) -> int:
    """Make a proposal; return its number."""
    return propose(
        index,
        viewer,
        matcher,
        refresh_lists=bool(job.detail.get("refresh_lists")),
        reason=job.detail.get("reason") or "recluster",
        progress=progress,
    ).id


def _apply(index: Index, viewer: Viewer, matcher: Matcher, job: StoredJob, progress: Progress) -> int:
    """Apply a proposal, or resume its application."""
    if _was_finished_meanwhile(index, viewer, job, ProposalStatus.APPLIED):
        return job.target or 0
    approved = job.detail.get("approved")
    return apply_proposal(index, viewer, matcher, job.target or 0, approved, progress).proposal


def _roll_back(index: Index, viewer: Viewer, matcher: Matcher, job: StoredJob, progress: Progress) -> int:
    """Roll a proposal back, or resume its rollback."""
    if _was_finished_meanwhile(index, viewer, job, ProposalStatus.ROLLED_BACK):
        return job.target or 0
    return roll_back_proposal(index, viewer, matcher, job.target or 0, progress).proposal


def _was_finished_meanwhile(index: Index, viewer: Viewer, job: StoredJob, status: ProposalStatus) -> bool:
    """Return whether a service finished the work that a job resumes.

    The work was interrupted before the job began.
    """
    if not job.detail.get(CARRIED_ON):
        return False
    with index.database.read(viewer) as unit:
        proposal = unit.proposals.get(job.target or 0)
    return proposal is not None and proposal.status == status


def _undo_load(index: Index, viewer: Viewer, _matcher: Matcher, job: StoredJob, progress: Progress) -> int:
    """Undo a load, or resume its undo."""
    reason = job.detail.get("reason") or "bad-load"
    return undo_load(index, viewer, job.target or 0, reason, progress=progress).batch


def _load(index: Index, viewer: Viewer, _matcher: Matcher, job: StoredJob, progress: Progress) -> int | None:
    """Load the file that was sent; return the number of the load."""
    return load_upload(index, viewer, job.detail["source"], job.detail["upload"], progress)


def _preview(index: Index, viewer: Viewer, _matcher: Matcher, job: StoredJob, progress: Progress) -> None:
    """Preview the load of a sent file, and keep the result."""
    report = preview_upload(index, viewer, job.detail["source"], job.detail["upload"], progress)
    with index.database.write(viewer, "job", Lock.NONE) as unit:
        unit.jobs.set_detail(job.id, {**job.detail, "report": report})


_WORK_BY_KIND: Mapping[JobKind, Callable[[Index, Viewer, Matcher, StoredJob, Progress], int | None]] = {
    JobKind.PROPOSE: _propose,
    JobKind.APPLY: _apply,
    JobKind.ROLL_BACK: _roll_back,
    JobKind.UNDO_LOAD: _undo_load,
    JobKind.LOAD: _load,
    JobKind.DRY_RUN: _preview,
}
