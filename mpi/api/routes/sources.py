"""Routes to pause and resume automatic linking of a source."""

from fastapi import APIRouter

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep
from mpi.api.request.json_body import JsonBody, JsonBodyDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import build_json_body
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.sources import PausedOut
from mpi.domain.viewer import Action, require_permission
from mpi.service.records.source_pause import PauseResult, pause, resume

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)
_PAUSE_BODY = build_json_body({"reason": "bad-extract"}, (), reason={"type": "string", "maxLength": 64})


@router.post(
    "/v1/sources/{source}:pause",
    response_model=PausedOut,
    summary="Pause a source: hold its records and link nothing",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath],
    openapi_extra=_PAUSE_BODY,
)
def post_pause(
    index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep, members: JsonBodyDep
) -> PauseResult:
    """Pause a source: hold its records and link nothing.

    Records are accepted, answered `held`, and take effect on resume. Withdrawals and seals take effect at
    once.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    return pause(index, viewer, source, JsonBody(members, "reason").optional_text("reason") or "pause")


@router.post(
    "/v1/sources/{source}:resume",
    response_model=PausedOut,
    summary="Resume a source: let its held records take effect",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath],
    openapi_extra=_PAUSE_BODY,
)
def post_resume(
    index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep, members: JsonBodyDep
) -> PauseResult:
    """Resume a source: its held records take effect.

    They apply in the order of as-of date and receipt, as if they had never been held.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    return resume(index, viewer, source, JsonBody(members, "reason").optional_text("reason") or "resume")
