"""Loads: take one back."""

from fastapi import APIRouter

from mpi.api.request.access import ActionPath, IndexDep, WriterDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.decisions import UNDO
from mpi.api.schemas.loads import LoadUndoneOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, require_permission
from mpi.service.loads.load_undo import LoadUndoResult, undo_load

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.post(
    "/v1/loads/{number}:undo",
    response_model=LoadUndoneOut,
    summary="Take a load back",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_load_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> LoadUndoResult:
    """Nothing that it said counts any more: records, people and IDs are as they would be without it.

    What came since stays. A record that it sealed stays sealed. It is written step by step, and others write
    in between; interrupted, it goes on when it is asked for again.
    """
    require_permission(viewer, Action.LOAD)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or "bad-load"
    return undo_load(index, viewer, number, reason, preview=body.flag("preview"))
