"""Routes to pause and resume automatic linking of a source."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import ReasonBody, describe_body
from mpi.api.schemas.sources import PausedOut
from mpi.domain.viewer import Action
from mpi.service.records.source_pause import PauseResult, pause, resume

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.post(
    "/v1/sources/{source}:pause",
    operation_id="pause_source",
    response_model=PausedOut,
    summary="Pause a source: hold its records and link nothing",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(ReasonBody),
)
def post_pause(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[ReasonBody, Depends(ReasonBody.read)],
) -> PauseResult:
    """Pause a source: hold its records and link nothing.

    Records are accepted, answered `held`, and take effect on resume. Withdrawals and seals take effect at
    once.
    """
    return pause(index, viewer, source, body.reason or "pause")


@router.post(
    "/v1/sources/{source}:resume",
    operation_id="resume_source",
    response_model=PausedOut,
    summary="Resume a source: let its held records take effect",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(ReasonBody),
)
def post_resume(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[ReasonBody, Depends(ReasonBody.read)],
) -> PauseResult:
    """Resume a source: its held records take effect.

    They apply in the order of as-of date and receipt, as if they had never been held.
    """
    return resume(index, viewer, source, body.reason or "resume")
