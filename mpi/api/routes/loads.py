"""Route that undoes the load of a file."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from mpi.api.request.authentication import ActionPath, IndexDep, WriterDep, permit
from mpi.api.request.job_answer import answer_with_job, answers_with_job
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import UndoBody
from mpi.api.schemas.desk.jobs import JOB_RESPONSE
from mpi.api.schemas.loads import LoadUndoneOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action
from mpi.service.jobs.job_state import JobKind
from mpi.service.loads.load_log import find_load
from mpi.service.loads.load_undo import LoadUndoResult, undo_load

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.post(
    "/v1/loads/{number}:undo",
    operation_id="undo_load",
    response_model=LoadUndoneOut,
    summary="Undo a load",
    responses=JOB_RESPONSE | describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.LOAD)],
    openapi_extra=describe_body(UndoBody),
)
def post_load_undo(
    request: Request,
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> LoadUndoResult | Response:
    """Undo a load whole.

    Records, persons and IDs become as they would be without the load. What came since stays, and a record
    that the load sealed stays sealed. The undo is written in steps, with other writes in between. If it is
    interrupted, the same request continues it. On a large index this is a job, unless the caller prefers to
    wait or asks for a preview.
    """
    reason = body.reason or "bad-load"
    if body.preview or not answers_with_job(request, index):
        return undo_load(index, viewer, number, reason, preview=body.preview)
    load = find_load(index, viewer, number).entry
    if not load.may_undo:
        raise ConflictError(f"load {number} is {load.status}: there is nothing to undo")
    return answer_with_job(request, index, viewer, JobKind.UNDO_LOAD, number, None, reason=reason)
