"""Routes to upsert, read, withdraw and re-key source records."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from mpi.api.fast_path.upsert import UpsertRoute, require_matching_local_id
from mpi.api.request.authentication import CallerDep, CredentialsDep, IndexDep, WriterDep, permit
from mpi.api.request.bulk import BulkResponse, answer_lines
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.problems import REQUEST_ID
from mpi.api.request.record_address import RecordAddressDep, RekeyAddressDep
from mpi.api.request.record_body import RecordBodyDep
from mpi.api.schemas.decisions import EffectOut
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.records import (
    BULK_REQUEST,
    BULK_RESPONSE,
    CHILD,
    RecordOut,
    RekeyBody,
    RekeyedOut,
    ResolvedOut,
    SeparateBody,
    WithdrawnOut,
    build_record_body,
)
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, require_permission
from mpi.service.persons.step_effects import StepEffect
from mpi.service.records import record_reader, upsert, withdrawal
from mpi.service.records.upsert_result import UpsertResult, WithdrawalResult
from mpi.service.stewardship.rekey import RekeyResult, rekey
from mpi.service.stewardship.shared_ids import separate_shared_id

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)
upsert_router = APIRouter(tags=["records"], route_class=UpsertRoute)
_PATH = "/v1/sources/{source}/records/{local_id:path}"


@upsert_router.put(
    _PATH,
    operation_id="put_record",
    response_model=ResolvedOut,
    summary="Send a record and get its enterprise ID",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[permit(Action.RECORD_WRITE)],
    openapi_extra=build_record_body(
        CHILD, "The record, whole. `local_id` may be left out: the path says it."
    ),
)
def put_record(
    index: IndexDep, viewer: WriterDep, address: RecordAddressDep, _: NoQueryDep, record: RecordBodyDep
) -> UpsertResult:
    """Store a record, resolve it, and return its enterprise ID.

    The answer leaves once the change is durable. The same record again changes nothing.
    """
    require_matching_local_id(record, address.local_id)
    return upsert.upsert(index, viewer, address.source, record)


@router.get(
    _PATH,
    operation_id="get_record",
    response_model=RecordOut,
    response_model_exclude_unset=True,
    summary="Read a record as its source last stated it",
    responses=describe_problems(404, 422),
)
def get_record(
    index: IndexDep, viewer: CallerDep, address: RecordAddressDep, _: NoQueryDep
) -> dict[str, Any]:
    """Return a record with its enterprise ID and quality issues.

    The SSN is not stored, so it is never shown.
    """
    return record_reader.read(index, viewer, address.source, address.local_id)


@router.delete(
    _PATH,
    operation_id="withdraw_record",
    response_model=WithdrawnOut,
    summary="Withdraw a record",
    responses=describe_problems(404, 409, 422),
)
def delete_record(
    index: IndexDep, viewer: WriterDep, address: RecordAddressDep, _: NoQueryDep
) -> WithdrawalResult:
    """Withdraw a record from its person.

    Its history stays. If it is sent again, it gets the same enterprise ID.
    """
    return withdrawal.withdraw(index, viewer, address.source, address.local_id)


async def _permit_rekey(viewer: CallerDep, address: RekeyAddressDep) -> None:
    """Require a caller who may write records of the path's source."""
    require_permission(viewer, Action.RECORD_WRITE, address.source)


@router.post(
    _PATH + "/rekey",
    operation_id="rekey_record",
    response_model=RekeyedOut,
    summary="Give a record a new local ID",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[Depends(_permit_rekey)],
    openapi_extra=describe_body(RekeyBody),
)
def post_rekey(
    index: IndexDep,
    viewer: WriterDep,
    address: RekeyAddressDep,
    _: NoQueryDep,
    body: Annotated[RekeyBody, Depends(RekeyBody.read)],
) -> RekeyResult:
    """Give a record a new local ID.

    Its versions, decisions, links and enterprise ID follow. A new local ID that another record already has is
    never taken for the same record: it becomes a claim for a steward, and links nothing.
    """
    return rekey(index, viewer, address.source, {address.local_id: body.to}, body.reason or "rekey")


async def _permit_separation(viewer: CallerDep, address: RekeyAddressDep) -> None:
    """Require the rights to decide about and write a source's records."""
    for action in (Action.DECIDE, Action.RECORD_WRITE):
        require_permission(viewer, action, address.source)


@router.post(
    _PATH + "/separate",
    operation_id="separate_record",
    response_model=EffectOut,
    summary="Give the second child of a shared local ID a record of its own",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[Depends(_permit_separation)],
    openapi_extra=describe_body(SeparateBody),
)
def post_separate(
    index: IndexDep,
    viewer: WriterDep,
    address: RekeyAddressDep,
    _: NoQueryDep,
    body: Annotated[SeparateBody, Depends(SeparateBody.read)],
) -> StepEffect:
    """Give the second child of a shared local ID its own record.

    A version of the record waits, because its source has sent another child under this local ID. That version
    becomes the record of the new local ID; the first child keeps this one.
    """
    return separate_shared_id(
        index,
        viewer,
        RecordRef(address.source, address.local_id),
        body.to,
        body.reason or "shared-id",
        preview=body.preview,
    )


@router.post(
    "/v1/records:bulk",
    operation_id="put_records",
    status_code=200,
    response_class=BulkResponse,
    summary="Send many records, one per line",
    responses={**describe_problems(), **BULK_RESPONSE},
    dependencies=[permit(Action.RECORD_WRITE)],
    openapi_extra=BULK_REQUEST,
)
async def post_bulk(request: Request, sent_credentials: CredentialsDep, _: NoQueryDep) -> BulkResponse:
    """Upsert many records, one NDJSON line each, answered in order.

    Each line holds a canonical record and its `source`. A line that is refused is answered with a `problem`
    and does not stop the rest; so is each line that comes after the key was revoked. For a whole file, `mpi
    ingest` is faster and applies load guards.
    """
    return BulkResponse(
        answer_lines(request.app, sent_credentials, request.stream(), request.scope[REQUEST_ID])
    )
