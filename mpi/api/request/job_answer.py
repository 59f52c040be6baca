"""Answer of a call that starts long work.

On a large index such a call is answered with status 202 and a job that its caller can watch. A caller that
needs the figures of the result in the answer sends ``Prefer: wait`` (RFC 7240) and waits for them. On a small
index the work is quicker than a job, and the answer has the result.
"""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from mpi.api.request.background_jobs import is_small, start_job
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index, Matcher
from mpi.service.jobs.job_state import JobKind, get_job

_PREFERENCE = "prefer"
_WAIT = "wait"


def answers_with_job(request: Request, index: Index) -> bool:
    """Return whether a job answers a call that starts long work."""
    return not _asks_to_wait(request) and not is_small(index)


def answer_with_job(
    request: Request,
    index: Index,
    viewer: Viewer,
    kind: JobKind,
    target: int | None,
    load_matcher: Callable[[], Matcher] | None,
    is_quick: bool = True,
    **detail: object,
) -> Response:
    """Start long work in the background, and answer with its job.

    Args:
        request: the call.
        index: the open index.
        viewer: who begins the work.
        kind: what it does.
        target: number of the proposal or load.
        load_matcher: loads the model that it needs; None for the model in force.
        is_quick: whether the work is short on a small index.
        detail: options of the work.

    Raises:
        ConflictError: the same work runs already.
        AccessDenied: the viewer may not do this work.
    """
    number, _ = start_job(request.app, index, viewer, kind, target, load_matcher, is_quick, **detail)
    job = jsonable_encoder(get_job(index, viewer, number))
    return JSONResponse(job, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{number}", "Retry-After": "2"})


def _asks_to_wait(request: Request) -> bool:
    """Return whether the caller prefers to wait for the result."""
    preferences = ",".join(request.headers.getlist(_PREFERENCE)).split(",")
    names = {each.partition(";")[0].partition("=")[0].strip().lower() for each in preferences}
    return _WAIT in names
