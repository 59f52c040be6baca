"""Route that undoes a load."""

from fastapi import APIRouter

from mpi.api.request.authentication import ActionPath, IndexDep, WriterDep
from mpi.api.request.json_body import JsonBody, JsonBodyDep
from mpi.api.request.model_reload import ModelReloadRoute
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
    summary="Undo a load",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_load_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> LoadUndoResult:
    """Undo a load whole.

    Records, persons and IDs become as they would be without the load. What came since stays, and a record
    that the load sealed stays sealed. The undo is written in steps, with other writes in between. If it is
    interrupted, the same request continues it.
    """
    require_permission(viewer, Action.LOAD)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or "bad-load"
    return undo_load(index, viewer, number, reason, preview=body.flag("preview"))
