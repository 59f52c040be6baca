"""Routes for owner consent, and for steps that wait for approval."""

from fastapi import APIRouter

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep
from mpi.api.request.json_body import JsonBody, JsonBodyDep
from mpi.api.schemas.consents import AskingConsentOut, WaitingStepOut
from mpi.api.schemas.decisions import UNDO, EffectOut, build_json_body
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, require_permission
from mpi.service.persons.effects import StepEffect
from mpi.service.stewardship.owner_consent import (
    ConsentSetting,
    give_consent,
    refuse_consent,
    set_consent_required,
)
from mpi.service.stewardship.pending_steps import PendingStep, list_pending_steps

router = APIRouter(tags=["decisions"])
_REASON_SCHEMA = {"type": "string", "maxLength": 64}
_ASK_CONSENT_BODY = build_json_body(
    {"asks": True, "reason": "agreement"}, ("asks",), asks={"type": "boolean"}, reason=_REASON_SCHEMA
)


@router.post(
    "/v1/sources/{source}:ask-consent",
    response_model=AskingConsentOut,
    summary="Set whether decisions about a source's records need its owner's consent",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=_ASK_CONSENT_BODY,
)
def post_ask_consent(
    index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep, members: JsonBodyDep
) -> ConsentSetting:
    """Set whether decisions about a source's records need its owner's consent.

    The setting applies from now on. Steps that wait already go on waiting for the owners who were asked.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    body = JsonBody(members, "asks", "reason")
    if body.value("asks") not in (True, False):
        raise InputError("asks: give true or false")
    reason = body.optional_text("reason") or "setting"
    return set_consent_required(index, viewer, source, asks=body.flag("asks"), reason=reason)


@router.get(
    "/v1/waiting-steps",
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
    response_model=EffectOut,
    summary="Consent to a step, as an owner of a source that was asked",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_consent(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Consent to a step for every source that the caller owns.

    The step takes effect as soon as no approver or owner is still to answer.
    """
    require_permission(viewer, Action.CONSENT)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or "consent"
    return give_consent(index, viewer, number, reason, preview=body.flag("preview"))


@router.post(
    "/v1/steps/{number}:refuse",
    response_model=EffectOut,
    summary="Refuse a step, as an owner of a source that was asked",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_refusal(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Refuse a step for the sources that the caller owns.

    The step ends, and nothing of it takes effect.
    """
    require_permission(viewer, Action.CONSENT)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or "refused"
    return refuse_consent(index, viewer, number, reason, preview=body.flag("preview"))
