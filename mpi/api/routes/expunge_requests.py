"""Routes for requests to expunge or unseal, answered by a second person."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.records import (
    ExpungeAnswerBody,
    ExpungeAnswerOut,
    ExpungeRequestOut,
    UnsealAnswerOut,
    UnsealRequestBody,
    UnsealRequestOut,
)
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.stewardship.expunge_requests import (
    ExpungeAnswer,
    ExpungeRequest,
    approve_expunges,
    list_expunge_requests,
    refuse_expunges,
)
from mpi.service.stewardship.unseal_requests import (
    UnsealAnswer,
    UnsealRequest,
    approve_unseals,
    list_unseal_requests,
    refuse_unseals,
    request_unseals,
)

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.get(
    "/v1/expunge-requests",
    operation_id="list_expunge_requests",
    response_model=list[ExpungeRequestOut],
    summary="List records that wait to be expunged, oldest request first",
    responses=describe_problems(),
)
def get_expunge_requests(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[ExpungeRequest]:
    """List the records of the caller's sources that wait to be expunged.

    Each is sealed meanwhile. A person other than the one who asked approves or refuses.
    """
    return list_expunge_requests(index, viewer)


@router.post(
    "/v1/expunge-requests:approve",
    operation_id="approve_expunge_requests",
    response_model=ExpungeAnswerOut,
    summary="Approve that records are expunged, as a second person",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.RECORD_EXPUNGE)],
    openapi_extra=describe_body(ExpungeAnswerBody),
)
def post_approval(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[ExpungeAnswerBody, Depends(ExpungeAnswerBody.read)],
) -> ExpungeAnswer:
    """Destroy the content of records that another client asked to expunge.

    It cannot be undone. If one of the records does not wait, or the caller asked for it, nothing is
    destroyed.
    """
    return approve_expunges(index, viewer, body.source, body.local_ids)


@router.post(
    "/v1/expunge-requests:refuse",
    operation_id="refuse_expunge_requests",
    response_model=ExpungeAnswerOut,
    summary="Refuse to expunge records, as a second person",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.RECORD_EXPUNGE)],
    openapi_extra=describe_body(ExpungeAnswerBody),
)
def post_refusal(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[ExpungeAnswerBody, Depends(ExpungeAnswerBody.read)],
) -> ExpungeAnswer:
    """Refuse to expunge records, which become what they were before.

    A record that was sealed before stays sealed.
    """
    return refuse_expunges(index, viewer, body.source, body.local_ids)


@router.get(
    "/v1/unseal-requests",
    operation_id="list_unseal_requests",
    response_model=list[UnsealRequestOut],
    summary="List records whose seal waits to be lifted, oldest request first",
    responses=describe_problems(),
)
def get_unseal_requests(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[UnsealRequest]:
    """List the caller's sealed records whose seal waits to be lifted.

    A person other than the one who asked approves or refuses.
    """
    return list_unseal_requests(index, viewer)


@router.post(
    "/v1/unseal-requests",
    operation_id="request_unseal",
    response_model=UnsealAnswerOut,
    summary="Ask to lift the seal of records by a court order",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[permit(Action.RECORD_SEAL)],
    openapi_extra=describe_body(UnsealRequestBody),
)
def post_unseal_request(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[UnsealRequestBody, Depends(UnsealRequestBody.read)],
) -> UnsealAnswer:
    """Ask to lift the seal of records by a court order.

    Nothing is unsealed until another person approves.
    """
    return request_unseals(index, viewer, body.source, body.local_ids, body.reference)


@router.post(
    "/v1/unseal-requests:approve",
    operation_id="approve_unseal_requests",
    response_model=UnsealAnswerOut,
    summary="Lift the seal of records, as a second person",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.RECORD_SEAL)],
    openapi_extra=describe_body(ExpungeAnswerBody),
)
def post_unseal_approval(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[ExpungeAnswerBody, Depends(ExpungeAnswerBody.read)],
) -> UnsealAnswer:
    """Lift the seal of records, for which another client has asked.

    The records take part again with the same enterprise ID. If nobody asked about one of them, or the caller
    did, nothing is unsealed.
    """
    return approve_unseals(index, viewer, body.source, body.local_ids)


@router.post(
    "/v1/unseal-requests:refuse",
    operation_id="refuse_unseal_requests",
    response_model=UnsealAnswerOut,
    summary="Refuse to lift the seal of records, as a second person",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.RECORD_SEAL)],
    openapi_extra=describe_body(ExpungeAnswerBody),
)
def post_unseal_refusal(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[ExpungeAnswerBody, Depends(ExpungeAnswerBody.read)],
) -> UnsealAnswer:
    """Refuse to lift the seal of records, which stay sealed."""
    return refuse_unseals(index, viewer, body.source, body.local_ids)
