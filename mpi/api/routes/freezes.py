"""Routes for freeze windows of a source."""

from fastapi import APIRouter

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep
from mpi.api.request.json_body import JsonBody, JsonBodyDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import build_json_body
from mpi.api.schemas.freezes import FreezeWindowOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, require_permission
from mpi.service.stewardship.freeze_windows import (
    FreezeWindow,
    add_freeze_window,
    lift_freeze_window,
    list_freeze_windows,
)

router = APIRouter(tags=["decisions"], route_class=ModelReloadRoute)
_DATE_SCHEMA = {"type": "string", "format": "date"}
_REASON_SCHEMA = {"type": "string", "maxLength": 64}
_WINDOW_BODY = build_json_body(
    {"begins_on": "2026-10-01", "ends_on": "2026-10-05", "reason": "count-day"},
    ("begins_on", "ends_on"),
    begins_on=_DATE_SCHEMA,
    ends_on=_DATE_SCHEMA,
    reason=_REASON_SCHEMA,
)


@router.post(
    "/v1/sources/{source}:freeze",
    response_model=FreezeWindowOut,
    summary="Add a freeze window, in which decisions about a source's records wait",
    responses=describe_problems(404, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=_WINDOW_BODY,
)
def post_freeze(
    index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep, members: JsonBodyDep
) -> FreezeWindow:
    """Add a freeze window to a source.

    Decisions, merges, splits, moves and approved proposal items about its records wait until the day after
    the window.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    body = JsonBody(members, "begins_on", "ends_on", "reason")
    reason = body.optional_text("reason") or "reporting-period"
    return add_freeze_window(index, viewer, source, body.text("begins_on"), body.text("ends_on"), reason)


@router.get(
    "/v1/freeze-windows",
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
    response_model=FreezeWindowOut,
    summary="End a freeze window early",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=build_json_body({"reason": "count-is-done"}, (), reason=_REASON_SCHEMA),
)
def post_lift(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> FreezeWindow:
    """End a freeze window early.

    Steps that wait only for this window take effect at once.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    return lift_freeze_window(
        index, viewer, number, JsonBody(members, "reason").optional_text("reason") or "lifted"
    )
