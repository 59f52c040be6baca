"""Routes for legal holds, retention and destruction runs."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, WriterDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.policy.retention import (
    DestructionApprovalBody,
    DestructionCertificateOut,
    DestructionExecutionBody,
    DestructionPlanBody,
    DestructionRunOut,
    HoldCodeDep,
    HoldLiftBody,
    LegalHoldBody,
    LegalHoldOut,
    RetentionOut,
)
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.rights import destruction, holds
from mpi.service.rights.due_records import list_retention

router = APIRouter(tags=["rights"], route_class=ModelReloadRoute)
_post = partial(make_post_route, router)


def _describe_hold(index: Index, viewer: Viewer, code: str) -> dict[str, Any]:
    views = {view.stored.code: view for view in holds.list_holds(index, viewer)}
    return holds.to_plain_values(views[code])


def _describe_run(index: Index, viewer: Viewer, number: int) -> dict[str, Any]:
    return destruction.to_plain_values(destruction.show_run(index, viewer, number))


@router.get(
    "/v1/legal-holds",
    operation_id="list_legal_holds",
    response_model=list[LegalHoldOut],
    summary="List the legal holds that the caller handles, oldest first",
    responses=describe_problems(),
)
def get_holds(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List the holds that stand, and those that were lifted."""
    return [holds.to_plain_values(view) for view in holds.list_holds(index, viewer)]


@_post(
    "/v1/legal-holds",
    "create_legal_hold",
    Action.RIGHTS_MANAGE,
    "Place a legal hold",
    LegalHoldBody,
    LegalHoldOut,
)
def post_hold(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[LegalHoldBody, Depends(LegalHoldBody.read)],
) -> dict[str, Any]:
    """Place a hold. What it reaches is neither expunged nor destroyed."""
    order = holds.LegalHoldOrder(
        reference=body.reference,
        reason=body.reason,
        placed_by=body.placed_by,
        source=body.source,
        local_id=body.local_id,
        agreement=body.agreement,
    )
    return _describe_hold(index, viewer, holds.place_hold(index, viewer, order))


@_post(
    "/v1/legal-holds/{code}:lift",
    "lift_legal_hold",
    Action.RIGHTS_DECIDE,
    "Lift a legal hold",
    HoldLiftBody,
    LegalHoldOut,
)
def post_lift(
    index: IndexDep,
    viewer: WriterDep,
    code: HoldCodeDep,
    _: NoQueryDep,
    body: Annotated[HoldLiftBody, Depends(HoldLiftBody.read)],
) -> dict[str, Any]:
    """Lift a hold; who placed it may not."""
    holds.lift_hold(index, viewer, code, body.lifted_by, body.reason)
    return _describe_hold(index, viewer, code)


@router.get(
    "/v1/retention",
    operation_id="list_retention",
    response_model=list[RetentionOut],
    summary="Count what is due to be destroyed, by source",
    responses=describe_problems(),
)
def get_retention(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """Count the records whose retention has ended, of the caller's own sources."""
    return [asdict(view) for view in list_retention(index, viewer)]


@router.get(
    "/v1/destruction-runs",
    operation_id="list_destruction_runs",
    response_model=list[DestructionRunOut],
    summary="List the destruction runs of the caller's sources, newest first",
    responses=describe_problems(),
)
def get_runs(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List what was planned, approved and destroyed."""
    return [destruction.to_plain_values(view) for view in destruction.list_runs(index, viewer)]


@_post(
    "/v1/destruction-runs",
    "plan_destruction",
    Action.RIGHTS_MANAGE,
    "Plan to destroy what is due of a source",
    DestructionPlanBody,
    DestructionRunOut,
)
def post_run(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[DestructionPlanBody, Depends(DestructionPlanBody.read)],
) -> dict[str, Any]:
    """Plan a run. Nothing is destroyed before another person approves."""
    return _describe_run(index, viewer, destruction.plan_run(index, viewer, body.source))


@_post(
    "/v1/destruction-runs/{number}:approve",
    "approve_destruction",
    Action.RIGHTS_DECIDE,
    "Approve a destruction run",
    DestructionApprovalBody,
    DestructionRunOut,
)
def post_run_approval(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[DestructionApprovalBody, Depends(DestructionApprovalBody.read)],
) -> dict[str, Any]:
    """Approve a run; who planned it may not."""
    destruction.approve_run(index, viewer, number, body.approved_by, body.records)
    return _describe_run(index, viewer, number)


@_post(
    "/v1/destruction-runs/{number}:execute",
    "execute_destruction",
    Action.RIGHTS_MANAGE,
    "Destroy the records of an approved run",
    DestructionExecutionBody,
    DestructionRunOut,
)
def post_run_execution(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    _body: Annotated[DestructionExecutionBody, Depends(DestructionExecutionBody.read)],
) -> dict[str, Any]:
    """Destroy up to 2,000 records; call again until it is `done`."""
    view = destruction.execute_run(index, viewer, number, most=destruction.MAX_RECORDS_A_CALL)
    return destruction.to_plain_values(view)


@router.get(
    "/v1/destruction-runs/{number}/certificate",
    operation_id="get_destruction_certificate",
    response_model=DestructionCertificateOut,
    summary="Return the certificate of a destruction run",
    responses=describe_problems(404, 409, 422),
)
def get_certificate(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> dict[str, Any]:
    """Return it once the run is done. It holds no personal data."""
    return destruction.get_certificate(index, viewer, number).as_dict()
