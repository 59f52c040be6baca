"""Begin, list and view jobs.

A job is stored by the process that does it, so every other process can watch it. A job whose process is gone
was interrupted. Beginning the same work again carries it on: what it does is safe to call again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, is_allowed_on, require_permission
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.loads.open_outcomes import tells_of_care
from mpi.service.loads.sent_files.upload import hide_outcomes
from mpi.service.processes.worker_liveness import is_worker_alive, worker_name
from mpi.storage.repositories.steps.jobs import JobState, StoredJob
from mpi.storage.unit_of_work.units import ReadUnit

MAX_LISTED = 50
"""Most jobs of a list."""
_MIN_MEASURED_S = 2.0
"""Seconds of a step after which the time left is estimated."""


class JobKind(StrEnum):
    """What a job does."""

    PROPOSE = "propose"
    APPLY = "apply"
    ROLL_BACK = "rollback"
    UNDO_LOAD = "undo-load"
    LOAD = "load"
    DRY_RUN = "dry-run"


_RECLUSTER_KINDS = frozenset({JobKind.PROPOSE, JobKind.APPLY, JobKind.ROLL_BACK})
"""Kinds of which one runs at a time, because each is about the whole index."""
FILE_KINDS = frozenset({JobKind.LOAD, JobKind.DRY_RUN})
"""Kinds that read a file that was sent; their target is the number of its source."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people watch it.

    Args:
        id: its number.
        kind: a ``JobKind``.
        target: number of the proposal or load that it is about, if any.
        state: ``running``, ``done``, ``failed`` or ``interrupted``.
        by: who began it.
        begun_at: when it began (ISO, UTC).
        ended_at: when it ended (ISO, UTC).
        stage: name of its present step; empty before the first.
        done: items of the step that are done.
        total: all items of the step; 0 if unknown.
        seconds_left: estimate of the time that the step still takes; None if too early to tell.
        previous_s: how long the last job of this kind took that the viewer may watch, in seconds.
        result: number of what it made, if anything.
        error: why it failed.
        report: what a dry run found, as far as the viewer may know it.
        source: code of the source whose file it reads, if it reads one.
    """

    id: int
    kind: str
    target: int | None
    state: str
    by: str
    begun_at: str
    ended_at: str | None
    stage: str
    done: int
    total: int
    seconds_left: int | None
    previous_s: int | None
    result: int | None
    error: str | None
    report: dict[str, Any] | None = None
    source: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether a process does it now."""
        return self.state == JobState.RUNNING


def begin_job(
    index: Index, viewer: Viewer, kind: JobKind, target: int | None = None, **detail: object
) -> StoredJob:
    """Store a job as begun, unless the same work runs already.

    This process is the worker of the job.

    Args:
        index: the open index.
        viewer: who begins it.
        kind: what it does.
        target: number of the proposal or load.
        detail: options of the work; for a file, the code of its ``source``.

    Raises:
        NotFoundError: there is no such load or source that the viewer may know of.
        ConflictError: the same work runs, or other work on the whole index.
        AccessDenied: the viewer may not do this work.
    """
    _require_rights(viewer, kind)
    now = clock.format_timestamp(clock.now())
    with index.database.write(viewer, "job") as unit:
        if kind is JobKind.UNDO_LOAD:
            _require_known_load(unit, target or 0)
        if kind in FILE_KINDS:
            require_permission(viewer, Action.LOAD, str(detail["source"]))
            target = unit.sources.get_by_code(str(detail["source"])).id
        for other in unit.jobs.running():
            if not _is_same_work(other, kind, target):
                continue
            if is_worker_alive(other.worker, other.beat):
                raise ConflictError(
                    f"job {other.id} is under way: watch it, and begin again once it has ended"
                )
            unit.jobs.end(other.id, JobState.INTERRUPTED, now)
        job = StoredJob(
            id=unit.counters.take("job"),
            kind=kind.value,
            target=target,
            state=JobState.RUNNING.value,
            client=viewer.client,
            begun_at=now,
            worker=worker_name(),
            beat=now,
            detail=detail,
        )
        unit.jobs.add(job)
    return job


def get_job(index: Index, viewer: Viewer, number: int) -> JobView:
    """Return a job and how far it is.

    Raises:
        NotFoundError: there is no such job that the viewer may watch.
        AccessDenied: the viewer may neither re-cluster nor load.
    """
    _require_watcher(viewer)
    with index.database.read(viewer) as unit:
        job = unit.jobs.get(number)
        if job is None or not _may_watch(unit, job):
            raise NotFoundError(f"there is no job {number}")
        return _view(unit, job, _read_latest(unit))


def list_jobs(index: Index, viewer: Viewer) -> list[JobView]:
    """List the latest jobs that the viewer may watch, newest first.

    Raises:
        AccessDenied: the viewer may neither re-cluster nor load.
    """
    _require_watcher(viewer)
    with index.database.read(viewer) as unit:
        jobs = _read_latest(unit)
        return [_view(unit, job, jobs) for job in jobs]


def get_options(index: Index, viewer: Viewer, number: int) -> tuple[JobKind, int | None, dict[str, Any]]:
    """Return kind, target and options of an interrupted or failed job.

    Raises:
        NotFoundError: there is no such job that the viewer may watch.
        ConflictError: the job runs, is done, or read a file that has to be sent again.
        AccessDenied: the viewer may neither re-cluster nor load.
    """
    job_view = get_job(index, viewer, number)
    state = job_view.state
    if job_view.kind in FILE_KINDS:
        raise ConflictError("the file is gone: send it again, and an interrupted load goes on where it ended")
    if state in {JobState.RUNNING, JobState.DONE}:
        raise ConflictError(f"job {number} is {state}: there is nothing to carry on")
    with index.database.read(viewer) as unit:
        job = unit.jobs.get(number)
    if job is None:
        raise NotFoundError(f"there is no job {number}")
    return JobKind(job.kind), job.target, job.detail


def _require_rights(viewer: Viewer, kind: JobKind) -> None:
    """Refuse a viewer who may not do this kind of work."""
    if kind in _RECLUSTER_KINDS:
        require_whole_index(viewer)
    else:
        require_permission(viewer, Action.LOAD)


def _require_watcher(viewer: Viewer) -> None:
    """Refuse a viewer who may do no long work."""
    if not is_allowed(viewer, Action.RECLUSTER):
        require_permission(viewer, Action.LOAD)


def _require_known_load(unit: ReadUnit, number: int) -> None:
    """Refuse a load that the viewer may not know of."""
    batch = unit.batches.get(number)
    if batch is None or not is_allowed_on(unit.viewer, Action.LOAD, batch.source):
        raise NotFoundError(f"there is no load {number}")


def _may_watch(unit: ReadUnit, job: StoredJob) -> bool:
    """Return whether the viewer may know of a job."""
    if job.kind in _RECLUSTER_KINDS:
        return _may_watch_reclusters(unit.viewer)
    if job.kind in FILE_KINDS:
        return is_allowed_on(unit.viewer, Action.LOAD, job.detail["source"])
    batch = unit.batches.get(job.target or 0)
    return batch is not None and is_allowed_on(unit.viewer, Action.LOAD, batch.source)


def _may_watch_reclusters(viewer: Viewer) -> bool:
    return viewer.sources is None and is_allowed(viewer, Action.RECLUSTER)


def _read_latest(unit: ReadUnit) -> list[StoredJob]:
    """Return the latest jobs that the viewer may know of, newest first."""
    kinds = _RECLUSTER_KINDS if _may_watch_reclusters(unit.viewer) else frozenset[JobKind]()
    sources = [
        source.id for source in unit.sources.all() if is_allowed_on(unit.viewer, Action.LOAD, source.code)
    ]
    return unit.jobs.latest(MAX_LISTED, kinds, JobKind.UNDO_LOAD, FILE_KINDS, sources)


def _is_same_work(job: StoredJob, kind: JobKind, target: int | None) -> bool:
    """Return whether a job excludes other work at the same time."""
    if kind in _RECLUSTER_KINDS:
        return job.kind in _RECLUSTER_KINDS
    return (job.kind, job.target) == (kind, target)


def _view(unit: ReadUnit, job: StoredJob, latest: list[StoredJob]) -> JobView:
    """Build the view of a job."""
    is_of_file = job.kind in FILE_KINDS
    report = job.detail.get("report") if is_of_file else None
    job = _hide_progress(unit, job)
    is_gone = job.state == JobState.RUNNING and not is_worker_alive(job.worker, job.beat)
    return JobView(
        id=job.id,
        kind=job.kind,
        target=None if is_of_file else job.target,
        state=JobState.INTERRUPTED.value if is_gone else job.state,
        by=job.client,
        begun_at=job.begun_at,
        ended_at=job.ended_at,
        stage=job.stage,
        done=job.done,
        total=job.total,
        seconds_left=estimate_seconds_left(job),
        previous_s=_find_previous_duration(job, latest),
        result=job.result,
        error=job.error,
        report=None if report is None else hide_outcomes(unit, job.detail["source"], report),
        source=job.detail["source"] if is_of_file else None,
    )


def _hide_progress(unit: ReadUnit, job: StoredJob) -> StoredJob:
    """Return a job without progress that tells who is in care."""
    source = job.detail.get("source") if job.kind in FILE_KINDS else None
    if job.kind == JobKind.UNDO_LOAD and (batch := unit.batches.get(job.target or 0)) is not None:
        source = batch.source
    if source is None or not tells_of_care(unit.viewer, source, find_limited_sources(unit)):
        return job
    return replace(job, stage="", done=0, total=0)


def estimate_seconds_left(job: StoredJob) -> int | None:
    """Estimate how long a job's present step still takes, in seconds.

    The estimate is the time of the items that are left at the rate of those that are done.
    """
    if job.state != JobState.RUNNING or not job.stage_at or not 0 < job.done <= job.total:
        return None
    elapsed_s = _count_seconds(job.stage_at, job.beat)
    if elapsed_s < _MIN_MEASURED_S:
        return None
    return round(elapsed_s * (job.total - job.done) / job.done)


def _find_previous_duration(job: StoredJob, latest: list[StoredJob]) -> int | None:
    """Return the duration of the previous job of the same kind.

    The previous job is the last finished one. The duration is in seconds, or None without such a job.
    """
    for other in latest:
        if other.kind == job.kind and other.id != job.id and other.state == JobState.DONE and other.ended_at:
            return round(_count_seconds(other.begun_at, other.ended_at))
    return None


def _count_seconds(start: str, end: str) -> float:
    """Return the seconds between two moments (ISO, UTC)."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
