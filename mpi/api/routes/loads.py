"""Route that undoes the load of a file."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import UndoBody
from mpi.api.schemas.loads import LoadUndoneOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.loads.load_undo import LoadUndoResult, undo_load

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.post(
    "/v1/loads/{number}:undo",
    response_model=LoadUndoneOut,
    summary="Undo a load",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.LOAD)],
    openapi_extra=describe_body(UndoBody),
)
def post_load_undo(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> LoadUndoResult:
    """Undo a load whole.

    Records, persons and IDs become as they would be without the load. What came since stays, and a record
    that the load sealed stays sealed. The undo is written in steps, with other writes in between. If it is
    interrupted, the same request continues it.
    """
    return undo_load(index, viewer, number, body.reason or "bad-load", preview=body.preview)
