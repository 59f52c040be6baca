"""Routes for agreements, purposes of use and legal bases."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.agreements import (
    AgreementBody,
    AgreementCodeDep,
    AgreementEventOut,
    AgreementOut,
    AgreementStepBody,
    ApproveAgreementBody,
    DutyOut,
)
from mpi.api.schemas.policy.purposes import LegalBasisOut, PurposeOut
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer
from mpi.policy.purposes import Purpose
from mpi.service.agreements.documents import to_agreement
from mpi.service.agreements.duties import list_duties
from mpi.service.agreements.duties import to_plain_values as describe_duty
from mpi.service.agreements.purposes import list_purposes
from mpi.service.agreements.register import (
    approve_version,
    end_agreement,
    propose_version,
    resume_agreement,
    suspend_agreement,
)
from mpi.service.agreements.views import (
    AgreementEvent,
    list_agreements,
    list_history,
    show_agreement,
    to_plain_values,
)
from mpi.service.core.index import Index

router = APIRouter(tags=["agreements"], route_class=ModelReloadRoute)
StepBodyDep = Annotated[AgreementStepBody, Depends(AgreementStepBody.read)]


@router.get(
    "/v1/agreements",
    operation_id="list_agreements",
    response_model=list[AgreementOut],
    summary="List the agreements that the caller may read",
    responses=describe_problems(),
    dependencies=[permit(Action.AGREEMENT_READ)],
)
def get_agreements(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List agreements with their terms, state and the warnings that are due.

    Who administers or approves agreements gets all of them. Others get the terms in force of their own.
    """
    return [to_plain_values(view) for view in list_agreements(index, viewer)]


@router.post(
    "/v1/agreements",
    operation_id="create_agreement",
    response_model=AgreementOut,
    summary="Add an agreement, or a new version of one",
    responses=describe_problems(409, 413, 422),
    dependencies=[permit(Action.AGREEMENT_ADMIN)],
    openapi_extra=describe_body(AgreementBody),
)
def post_agreement(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[AgreementBody, Depends(AgreementBody.read)],
) -> dict[str, Any]:
    """Add a version, which waits for a second person's approval.

    The version in force stays in force until then.
    """
    propose_version(index, viewer, to_agreement(body, 0))
    return to_plain_values(show_agreement(index, viewer, body.code))


@router.get(
    "/v1/agreements/{code}",
    operation_id="get_agreement",
    response_model=AgreementOut,
    summary="Get an agreement",
    responses=describe_problems(404),
    dependencies=[permit(Action.AGREEMENT_READ)],
)
def get_agreement(
    index: IndexDep, viewer: CallerDep, code: AgreementCodeDep, _: NoQueryDep
) -> dict[str, Any]:
    """Get an agreement with its terms.

    An agreement that the caller may not read answers as an unknown one.
    """
    return to_plain_values(show_agreement(index, viewer, code))


@router.get(
    "/v1/agreements/{code}/history",
    operation_id="get_agreement_history",
    response_model=list[AgreementEventOut],
    summary="List what was done with an agreement, oldest first",
    responses=describe_problems(404),
    dependencies=[permit(Action.AGREEMENT_READ)],
)
def get_agreement_history(
    index: IndexDep, viewer: CallerDep, code: AgreementCodeDep, _: NoQueryDep
) -> list[AgreementEvent]:
    """List an agreement's steps, for those who administer or approve agreements."""
    return list_history(index, viewer, code)


@router.post(
    "/v1/agreements/{code}:approve",
    operation_id="approve_agreement",
    response_model=AgreementOut,
    summary="Approve the latest version of an agreement, as a second person",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.APPROVE)],
    openapi_extra=describe_body(ApproveAgreementBody),
)
def post_agreement_approval(
    index: IndexDep,
    viewer: WriterDep,
    code: AgreementCodeDep,
    _: NoQueryDep,
    body: Annotated[ApproveAgreementBody, Depends(ApproveAgreementBody.read)],
) -> dict[str, Any]:
    """Put the latest version in force; who proposed it may not."""
    approve_version(index, viewer, code, body.version)
    return to_plain_values(show_agreement(index, viewer, code))


@router.post(
    "/v1/agreements/{code}:suspend",
    operation_id="suspend_agreement",
    response_model=AgreementOut,
    summary="Suspend an agreement at once",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.AGREEMENT_ADMIN)],
    openapi_extra=describe_body(AgreementStepBody),
)
def post_suspension(
    index: IndexDep, viewer: WriterDep, code: AgreementCodeDep, _: NoQueryDep, body: StepBodyDep
) -> dict[str, Any]:
    """Suspend an agreement: nothing is answered under it until it is resumed."""
    return _take_step(suspend_agreement, index, viewer, code, body.reason)


@router.post(
    "/v1/agreements/{code}:resume",
    operation_id="resume_agreement",
    response_model=AgreementOut,
    summary="Resume a suspended agreement",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.AGREEMENT_ADMIN)],
    openapi_extra=describe_body(AgreementStepBody),
)
def post_resumption(
    index: IndexDep, viewer: WriterDep, code: AgreementCodeDep, _: NoQueryDep, body: StepBodyDep
) -> dict[str, Any]:
    """Resume a suspended agreement, whose terms hold again."""
    return _take_step(resume_agreement, index, viewer, code, body.reason)


@router.post(
    "/v1/agreements/{code}:end",
    operation_id="end_agreement",
    response_model=AgreementOut,
    summary="End an agreement for good",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.AGREEMENT_ADMIN)],
    openapi_extra=describe_body(AgreementStepBody),
)
def post_agreement_end(
    index: IndexDep, viewer: WriterDep, code: AgreementCodeDep, _: NoQueryDep, body: StepBodyDep
) -> dict[str, Any]:
    """End an agreement; its code is never used again."""
    return _take_step(end_agreement, index, viewer, code, body.reason)


@router.get(
    "/v1/agreement-duties",
    operation_id="list_agreement_duties",
    response_model=list[DutyOut],
    summary="List what the parties of agreements have to do, the earliest due day first",
    responses=describe_problems(),
    dependencies=[permit(Action.AGREEMENT_ADMIN)],
)
def get_agreement_duties(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List clocks that run, and copies to destroy.

    The index cannot destroy a party's copy: the party does, and a named person attests it.
    """
    today = clock.now().date()
    return [describe_duty(duty, today) for duty in list_duties(index, viewer)]


@router.get(
    "/v1/purposes",
    operation_id="list_purposes",
    response_model=list[PurposeOut],
    summary="List the purposes of use",
    responses=describe_problems(),
    dependencies=[permit(Action.AGREEMENT_READ)],
)
def get_purposes(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[Purpose]:
    """List every purpose that an agreement can permit. Added ones come last."""
    return list_purposes(index, viewer)


@router.get(
    "/v1/legal-bases",
    operation_id="list_legal_bases",
    response_model=list[LegalBasisOut],
    summary="List the legal bases",
    responses=describe_problems(),
    dependencies=[permit(Action.AGREEMENT_READ)],
)
def get_legal_bases(index: IndexDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List which purposes each legal basis covers. Counsel must check each row."""
    return [
        {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(basis).items()
        }
        for basis in index.settings.legal_bases.values()
    ]


def _take_step(
    take_step: Callable[[Index, Viewer, str, str], None], index: Index, viewer: Viewer, code: str, reason: str
) -> dict[str, Any]:
    """Suspend, resume or end an agreement, and return it."""
    take_step(index, viewer, code, reason)
    return to_plain_values(show_agreement(index, viewer, code))
