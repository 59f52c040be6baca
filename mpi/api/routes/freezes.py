"""Routes for freeze windows of a source."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.freezes import FreezeBody, FreezeWindowOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import ReasonBody, describe_body
from mpi.domain.viewer import Action
from mpi.service.stewardship.freeze_windows import (
    FreezeWindow,
    add_freeze_window,
    lift_freeze_window,
    list_freeze_windows,
)

router = APIRouter(tags=["decisions"], route_class=ModelReloadRoute)


@router.post(
    "/v1/sources/{source}:freeze",
    operation_id="freeze_source",
    response_model=FreezeWindowOut,
    summary="Add a freeze window, in which decisions about a source's records wait",
    responses=describe_problems(404, 413, 422),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(FreezeBody),
)
def post_freeze(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[FreezeBody, Depends(FreezeBody.read)],
) -> FreezeWindow:
    """Add a freeze window to a source.

    Decisions, merges, splits, moves and approved proposal items about its records wait until the day after
    the window.
    """
    return add_freeze_window(
        index, viewer, source, body.begins_on, body.ends_on, body.reason or "reporting-period"
    )


@router.get(
    "/v1/freeze-windows",
    operation_id="list_freeze_windows",
    response_model=list[FreezeWindowOut],
    summary="List freeze windows",
    responses=describe_problems(),
)
def get_freezes(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[FreezeWindow]:
    """List the freeze windows of sources that the caller may see.

    Ordered by first day.
    """
    return list_freeze_windows(index, viewer)


@router.post(
    "/v1/freeze-windows/{number}:lift",
    operation_id="lift_freeze",
    response_model=FreezeWindowOut,
    summary="End a freeze window early",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(ReasonBody),
)
def post_lift(
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[ReasonBody, Depends(ReasonBody.read)],
) -> FreezeWindow:
    """End a freeze window early.

    Steps that wait only for this window take effect at once.
    """
    return lift_freeze_window(index, viewer, number, body.reason or "lifted")
