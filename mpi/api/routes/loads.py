"""Routes that load files, show receipts and rejected rows, and undo loads."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.job_answer import answer_with_job, answers_with_job
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import UndoBody
from mpi.api.schemas.desk.jobs import JOB_RESPONSE
from mpi.api.schemas.loads import (
    LOAD_REQUEST,
    LoadOut,
    LoadReceiptOut,
    LoadsDep,
    LoadUndoneOut,
    NamedRejectOut,
)
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.api.uploads.load_form import ReceivedFile, receive_file
from mpi.domain.errors import ConflictError, ModelMovedError
from mpi.domain.viewer import Action
from mpi.service.jobs.job_state import JobKind
from mpi.service.loads.load_log import LoadEntry, LoadReceipt, find_load, list_loads, name_rejects
from mpi.service.loads.load_undo import LoadUndoResult, undo_load
from mpi.storage.repositories.sources.batches import StoredReject

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.post(
    "/v1/sources/{source}/loads",
    operation_id="load_file",
    status_code=202,
    response_class=Response,
    summary="Load a file of a source's records",
    responses=JOB_RESPONSE | describe_problems(404, 409, 413),
    dependencies=[permit(Action.LOAD)],
    openapi_extra=LOAD_REQUEST,
)
def post_load(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    received: Annotated[ReceivedFile, Depends(receive_file)],
) -> Response:
    """Load a file, as `mpi ingest` does, in the background.

    The answer is a job. Its `result` is the number of the load once it is done, also of one that a guard
    held. With `dry_run`, its `report` tells what the load would do. A source has one load at a time. A load
    that was interrupted goes on when the same file is sent again with the same options.
    """
    kind = JobKind.DRY_RUN if received.dry_run else JobKind.LOAD
    upload = received.upload
    try:
        return answer_with_job(
            request,
            index,
            viewer,
            kind,
            None,
            None,
            is_quick=upload.is_small(),
            source=source,
            upload=upload.code,
        )
    except ModelMovedError:
        raise  # the route loads the model in force, and tries again
    except BaseException:
        upload.remove()
        raise


@router.get(
    "/v1/loads",
    operation_id="list_loads",
    response_model=list[LoadOut],
    summary="List loads of files",
    responses=describe_problems(),
)
def get_loads(index: IndexDep, viewer: CallerDep, query: LoadsDep) -> list[LoadEntry]:
    """List up to 50 loads of the caller's sources, latest first."""
    return list_loads(index, viewer, query.source, query.before)


@router.get(
    "/v1/loads/{number}",
    operation_id="get_load",
    response_model=LoadReceiptOut,
    summary="Read the receipt of a load",
    responses=describe_problems(404),
)
def get_load(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> LoadReceipt:
    """Return a load's receipt, which accounts for every row of the file."""
    return find_load(index, viewer, number)


@router.get(
    "/v1/loads/{number}/rejects",
    operation_id="list_rejects",
    response_model=list[NamedRejectOut],
    summary="List the rejected rows of a load",
    responses=describe_problems(404),
)
def get_rejects(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> list[StoredReject]:
    """List up to 100,000 rejected rows, each with place and reason.

    Of their text only the local ID is kept, which the source's sender is told. The answer is on the ledger.
    """
    return name_rejects(index, viewer, number)


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
    wait or asks for a preview. Where outcomes tell who is in care, the answer has no numbers.
    """
    reason = body.reason or "bad-load"
    if body.preview or not answers_with_job(request, index):
        return undo_load(index, viewer, number, reason, preview=body.preview)
    load = find_load(index, viewer, number).entry
    if not load.may_undo:
        raise ConflictError(f"load {number} is {load.status}: there is nothing to undo")
    return answer_with_job(request, index, viewer, JobKind.UNDO_LOAD, number, None, reason=reason)
