"""Start of jobs from a request.

A job on a large index runs in a child process.

The request is answered at once, and the job is watched on its page. On a small index the work takes less time
than the start of a process, so the request does it and waits.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from fastapi import FastAPI

from mpi.api.request.model_reload import cache_model
from mpi.domain.errors import MpiError, describe_origin
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.core.index import Index, Matcher
from mpi.service.jobs.job_recorder import end_job
from mpi.service.jobs.job_runner import run_job
from mpi.service.jobs.job_state import JobKind, begin_job
from mpi.service.processes.child_process import run_with_index_in_child_process
from mpi.service.processes.worker_liveness import worker_name
from mpi.storage.repositories.steps.jobs import JobState, StoredJob

_log = logging.getLogger("mpi.api")
_ACTIVATING = frozenset({JobKind.APPLY, JobKind.ROLL_BACK})
"""Kinds after which another model may be in force."""


def start_job(
    app: FastAPI,
    index: Index,
    viewer: Viewer,
    kind: JobKind,
    target: int | None = None,
    load_matcher: Callable[[], Matcher] | None = None,
    is_quick: bool = True,
    **detail: object,
) -> tuple[int, int | None]:
    """Start a job; return its number, and its result if done.

    Args:
        app: the application.
        index: the open index.
        viewer: who begins it.
        kind: what it does.
        target: number of the proposal or load.
        load_matcher: loads the model that it needs; None for the model in force.
        is_quick: whether the work is short on a small index.
        detail: options of the work.

    Returns:
        Number of the job. On a small index the work is done, and the number of what it made comes second;
        otherwise None.

    Raises:
        ConflictError: the same work runs already, or a small index refuses it.
        ModelMovedError: this process missed a change of model.
        AccessDenied: the viewer may not do this work.
    """
    # Before the job begins: it refuses a process that missed a change of model.
    is_done_at_once = is_small(index) and is_quick
    job = begin_job(index, viewer, kind, target, **detail)
    if is_done_at_once:
        return job.id, _work(app, index, viewer, job, load_matcher, run_job)
    thread = threading.Thread(
        target=_work_and_log, args=(app, index, viewer, job, load_matcher), name="job", daemon=True
    )
    thread.start()
    return job.id, None


def is_small(index: Index) -> bool:
    """Return whether whole-index work is quicker than a process start."""
    with index.database.read(make_operator()) as unit:
        record_count = unit.keys.forward.max_record_id(index.config_id(unit))
    return record_count < index.tuning.request.process_records


def _work_and_log(
    app: FastAPI, index: Index, viewer: Viewer, job: StoredJob, load_matcher: Callable[[], Matcher] | None
) -> None:
    """Do a job in a child process; log why it failed.

    The log names no person.
    """

    def run_in_child(index: Index, viewer: Viewer, matcher: Matcher, number: int) -> int | None:
        return run_with_index_in_child_process(index, run_job, viewer, matcher, number)

    try:
        _work(app, index, viewer, job, load_matcher, run_in_child)
    except MpiError as error:
        _log.warning("job %d (%s) did not end: %s (%s)", job.id, job.kind, error, describe_origin(error))
    except Exception as error:  # noqa: BLE001 - the message may hold personal data; only the type is logged
        _log.warning("job %d (%s) failed: %s", job.id, job.kind, type(error).__name__)


def _work(
    app: FastAPI,
    index: Index,
    viewer: Viewer,
    job: StoredJob,
    load_matcher: Callable[[], Matcher] | None,
    run: Callable[[Index, Viewer, Matcher, int], int | None],
) -> int | None:
    """Do a job, and serve with the model that it activates."""
    try:
        matcher = index.matcher if load_matcher is None else load_matcher()
        cache_model(app, matcher)
        result = run(index, viewer, matcher, job.id)
    except BaseException as error:  # a job that an interrupt ends must not look as if it ran on
        _end_unless_taken_over(index, viewer, job, error)
        raise
    if job.kind in _ACTIVATING:
        app.state.index = replace(index, matcher=matcher)
    return result


def _end_unless_taken_over(index: Index, viewer: Viewer, job: StoredJob, error: BaseException) -> None:
    """Store that a job failed before the process that does it began."""
    with index.database.read(viewer) as unit:
        stored = unit.jobs.get(job.id)
    if stored is not None and stored.worker == worker_name():
        text = str(error) if isinstance(error, MpiError) else type(error).__name__
        end_job(index, viewer, job.id, JobState.FAILED, error=text)
