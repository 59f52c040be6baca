"""Routes for owner consent, and for steps that wait for approval."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit
from mpi.api.schemas.consents import AskConsentBody, AskingConsentOut, WaitingStepOut
from mpi.api.schemas.decisions import EffectOut, UndoBody
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.owner_consent import (
    ConsentSetting,
    give_consent,
    refuse_consent,
    set_consent_required,
)
from mpi.service.stewardship.pending_steps import PendingStep, list_pending_steps

router = APIRouter(tags=["decisions"])


@router.post(
    "/v1/sources/{source}:ask-consent",
    operation_id="require_consent",
    response_model=AskingConsentOut,
    summary="Set whether decisions about a source's records need its owner's consent",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(AskConsentBody),
)
def post_ask_consent(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[AskConsentBody, Depends(AskConsentBody.read)],
) -> ConsentSetting:
    """Set whether decisions about a source's records need its owner's consent.

    The setting applies from now on. Steps that wait already go on waiting for the owners who were asked.
    """
    return set_consent_required(index, viewer, source, asks=body.asks, reason=body.reason or "setting")


@router.get(
    "/v1/waiting-steps",
    operation_id="list_waiting_steps",
    response_model=list[WaitingStepOut],
    summary="List steps that wait for a second approver or an owner, oldest first",
    responses=describe_problems(),
)
def get_waiting_steps(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[PendingStep]:
    """List steps that wait for an approver or a source owner.

    Listed are steps that the caller may see whole, and those about which one of the caller's sources was
    asked.
    """
    return list_pending_steps(index, viewer)


@router.post(
    "/v1/steps/{number}:consent",
    operation_id="consent_to_step",
    response_model=EffectOut,
    summary="Consent to a step, as an owner of a source that was asked",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.CONSENT)],
    openapi_extra=describe_body(UndoBody),
)
def post_consent(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> StepEffect:
    """Consent to a step for the caller's sources that were asked.

    When no approver or owner is still to answer, the step takes effect, or waits for its day.
    """
    return give_consent(index, viewer, number, body.reason or "consent", preview=body.preview)


@router.post(
    "/v1/steps/{number}:refuse",
    operation_id="refuse_step",
    response_model=EffectOut,
    summary="Refuse a step, as an owner of a source that was asked",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.CONSENT)],
    openapi_extra=describe_body(UndoBody),
)
def post_refusal(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> StepEffect:
    """Refuse a step for the sources that the caller owns.

    The step ends, and nothing of it takes effect.
    """
    return refuse_consent(index, viewer, number, body.reason or "refused", preview=body.preview)
