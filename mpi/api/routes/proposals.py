"""Routes for re-cluster proposals, holds and threshold simulations."""

import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from mpi.api.request import recluster_process
from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WholeIndex, permit
from mpi.api.request.job_answer import answer_with_job, answers_with_job
from mpi.api.request.model_reload import ModelReloadRoute, cache_model
from mpi.api.schemas.desk.jobs import JOB_RESPONSE
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.proposals import (
    AppliedOut,
    ApplyBody,
    HoldEndedOut,
    HoldOut,
    ProposalBody,
    ProposalOut,
    SimulationBody,
    SimulationOut,
)
from mpi.api.schemas.request_bodies import ReasonBody, describe_body
from mpi.composition.models import keep_model, load_matcher
from mpi.config import Settings
from mpi.domain.errors import InputError, ModelError, NotFoundError
from mpi.domain.viewer import Action
from mpi.service.core.index import Index, Matcher
from mpi.service.gates import holds
from mpi.service.gates.holds import HoldView
from mpi.service.jobs.job_state import JobKind
from mpi.service.recluster import proposal_application, proposals
from mpi.service.recluster.proposal_view import ProposalResult, ProposalView
from mpi.service.recluster.threshold_simulation import Simulation, TrialThresholds

router = APIRouter(tags=["recluster"], route_class=ModelReloadRoute)
_OptionalReason = Depends(ReasonBody.read)
"""Refuses a body that has more than a reason code, which is not kept."""
_MODEL_REF = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-]")


@router.post(
    "/v1/recluster-runs",
    operation_id="create_proposal",
    response_model=ProposalOut,
    summary="Compute a re-cluster of the whole index as a proposal",
    responses=JOB_RESPONSE | describe_problems(404, 409, 413),
    dependencies=[WholeIndex],
    openapi_extra=describe_body(ProposalBody),
)
def post_proposal(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[ProposalBody, Depends(ProposalBody.read)],
) -> ProposalView | Response:
    """Compute a re-cluster of the whole index as a proposal.

    A proposal lists merges, splits, moves, IDs and the review work that follows. Nothing changes. On a large
    index this is a job, unless the caller prefers to wait.
    """
    matcher = load_matcher_of_ref(index, body.model, keep=True)
    reason = body.reason or "recluster"
    if answers_with_job(request, index):
        return answer_with_job(
            request,
            index,
            viewer,
            JobKind.PROPOSE,
            None,
            lambda: matcher,
            model=body.model,
            refresh_lists=body.refresh_lists,
            reason=reason,
        )
    return recluster_process.propose(index, viewer, matcher, refresh_lists=body.refresh_lists, reason=reason)


@router.get(
    "/v1/recluster-runs",
    operation_id="list_proposals",
    response_model=list[ProposalOut],
    summary="List proposals, newest first",
    responses=describe_problems(),
)
def get_proposals(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[ProposalView]:
    """List proposals without their items, newest first."""
    return proposals.list_proposals(index, viewer)


@router.get(
    "/v1/recluster-runs/{number}",
    operation_id="get_proposal",
    response_model=ProposalOut,
    summary="Read a proposal",
    responses=describe_problems(404),
)
def get_proposal(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> ProposalView:
    """Return a proposal with its items and the outcome of each."""
    return proposals.get_proposal(index, viewer, number)


@router.post(
    "/v1/recluster-runs/{number}:apply",
    operation_id="apply_proposal",
    response_model=AppliedOut,
    summary="Apply a proposal, whole or in part",
    responses=JOB_RESPONSE | describe_problems(404, 409, 413),
    dependencies=[ActionPath, WholeIndex],
    openapi_extra=describe_body(ApplyBody),
)
def post_apply(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[ApplyBody, Depends(ApplyBody.read)],
) -> ProposalResult | Response:
    """Apply a proposal, whole or in part.

    Items that are not approved are held, and so is an item that has changed since it was computed. On a large
    index this is a job, unless the caller prefers to wait.
    """
    matcher = load_matcher_of_ref(index, proposals.get_proposal(index, viewer, number).model)
    if answers_with_job(request, index):
        proposal_application.require_applicable(index, viewer, matcher, number, body.items)
        approved = None if body.items is None else list(body.items)
        return answer_with_job(
            request, index, viewer, JobKind.APPLY, number, lambda: matcher, approved=approved
        )
    cache_model(request.app, matcher)
    result = recluster_process.apply_proposal(index, viewer, matcher, number, body.items)
    request.app.state.index = replace(index, matcher=matcher)
    return result


@router.post(
    "/v1/recluster-runs/{number}:reject",
    operation_id="reject_proposal",
    response_model=AppliedOut,
    summary="Reject a proposal",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath, WholeIndex, _OptionalReason],
    openapi_extra=describe_body(ReasonBody),
)
def post_reject(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> ProposalResult:
    """Reject a proposal; nothing of it is applied or held."""
    return proposals.reject_proposal(index, viewer, number)


@router.post(
    "/v1/recluster-runs/{number}:rollback",
    operation_id="roll_back_proposal",
    response_model=AppliedOut,
    summary="Roll back an applied proposal",
    responses=JOB_RESPONSE | describe_problems(404, 409, 413),
    dependencies=[ActionPath, WholeIndex, _OptionalReason],
    openapi_extra=describe_body(ReasonBody),
)
def post_rollback(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
) -> ProposalResult | Response:
    """Roll back an applied proposal to the earlier configuration.

    What came since stays, and the proposal's holds end. On a large index this is a job, unless the caller
    prefers to wait.
    """
    matcher = load_matcher_of_ref(index, proposals.get_proposal(index, viewer, number).model_before)
    if answers_with_job(request, index):
        return answer_with_job(request, index, viewer, JobKind.ROLL_BACK, number, lambda: matcher)
    cache_model(request.app, matcher)
    result = recluster_process.roll_back_proposal(index, viewer, matcher, number)
    request.app.state.index = replace(index, matcher=matcher)
    return result


@router.post(
    "/v1/recluster-runs:simulate",
    operation_id="simulate_thresholds",
    response_model=SimulationOut,
    summary="Simulate other thresholds on the live index",
    responses=describe_problems(409, 413),
    dependencies=[ActionPath, WholeIndex],
    openapi_extra=describe_body(SimulationBody),
)
def post_simulate(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[SimulationBody, Depends(SimulationBody.read)],
) -> Simulation:
    """Simulate other thresholds on the live index.

    Returns figures of merges, splits and review tasks. Nothing is stored.
    """
    thresholds = TrialThresholds(body.link, body.review, body.margin, body.cohesion)
    return recluster_process.simulate(index, viewer, thresholds)


@router.get(
    "/v1/holds",
    operation_id="list_holds",
    response_model=list[HoldOut],
    summary="List held changes",
    responses=describe_problems(),
)
def get_holds(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[HoldView]:
    """List computed changes that wait for a person, oldest first."""
    return holds.list_holds(index, viewer)


@router.post(
    "/v1/holds/{number}:release",
    operation_id="release_hold",
    response_model=HoldEndedOut,
    summary="Release a held change",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, WholeIndex, _OptionalReason],
    openapi_extra=describe_body(ReasonBody),
)
def post_release(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> dict[str, Any]:
    """Release a held change, as it is computed now."""
    return {"hold": number, "status": "released", "moved": holds.release_hold(index, viewer, number)}


@router.post(
    "/v1/holds/{number}:refuse",
    operation_id="refuse_hold",
    response_model=HoldEndedOut,
    summary="Refuse a held change",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath, permit(Action.DECIDE), WholeIndex, _OptionalReason],
    openapi_extra=describe_body(ReasonBody),
)
def post_refuse(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> dict[str, Any]:
    """Refuse a held change.

    The refusal is stored as a steward's decision against the change.
    """
    return {"hold": number, "status": "refused", "moved": holds.refuse_hold(index, viewer, number)}


def load_matcher_of_ref(index: Index, ref: str | None, *, keep: bool = False) -> Matcher:
    """Load the matcher of a matching model given as name and version.

    No other path of this machine can be named.

    Args:
        index: the open index.
        ref: ``name/version``; None for the model in force.
        keep: copy the model into the home folder first.

    Raises:
        InputError: the model is not given as name and version.
        NotFoundError: there is no such model here.
    """
    if ref is None or ref == index.matcher.model.ref:
        return index.matcher
    if not _MODEL_REF.fullmatch(ref):
        raise InputError("model: give it as name/version")
    settings = Settings(home=index.home, model=None, database_url=None, secret_file=None)
    if not keep:
        return load_matcher(settings, ref, keyed_hash=index.keyed_hash)
    try:
        keep_model(settings, ref)
        return load_matcher(settings, ref, keyed_hash=index.keyed_hash)
    except ModelError:
        raise NotFoundError(f"model {ref} is not here, or cannot be used by this version") from None
