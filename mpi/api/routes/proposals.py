"""Re-cluster as a proposal: make it, read it, apply all or some of it, reject it, roll it back; and holds."""

import re
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from mpi.api.request import recluster_process
from mpi.api.request.access import ActionPath, CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute, cache_model
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.proposals import (
    APPLY,
    REASON_ONLY,
    PROPOSE,
    SIMULATE,
    AppliedOut,
    HoldEndedOut,
    HoldOut,
    ProposalOut,
    SimulationOut,
)
from mpi.bootstrap import keep_model, load_matcher
from mpi.config import Settings
from mpi.domain.errors import InputError, ModelError, NotFoundError
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.index import Index, Matcher
from mpi.service.gates import holds
from mpi.service.gates.holds import HoldView, require_whole_index
from mpi.service.recluster import proposals
from mpi.service.recluster.proposals import ProposalResult, ProposalView
from mpi.service.recluster.threshold_simulation import Simulation, TrialThresholds

router = APIRouter(tags=["recluster"], route_class=ModelReloadRoute)
_MODEL_REF = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-]")


@router.post(
    "/v1/recluster-runs",
    response_model=ProposalOut,
    summary="Think the whole index through, as a proposal to be read",
    responses=describe_problems(404, 409, 413),
    openapi_extra=PROPOSE,
)
def post_proposal(index: IndexDep, viewer: CallerDep, _: NoQueryDep, members: JsonBodyDep) -> ProposalView:
    """What would merge, split and move, which IDs, and the work that follows. Nothing changes."""
    require_whole_index(viewer)
    body = JsonBody(members, "model", "refresh_lists", "reason")
    reason = body.optional_text("reason") or "recluster"
    matcher = load_matcher_of_ref(index, body.optional_text("model"), keep=True)
    return recluster_process.propose(
        index, viewer, matcher, refresh_lists=body.flag("refresh_lists"), reason=reason
    )


@router.get(
    "/v1/recluster-runs",
    response_model=list[ProposalOut],
    summary="List proposals, newest first",
    responses=describe_problems(),
)
def get_proposals(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[ProposalView]:
    """Without their items."""
    return proposals.list_proposals(index, viewer)


@router.get(
    "/v1/recluster-runs/{number}",
    response_model=ProposalOut,
    summary="Read a proposal",
    responses=describe_problems(404),
)
def get_proposal(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> ProposalView:
    """With its items, and what became of each."""
    return proposals.get_proposal(index, viewer, number)


@router.post(
    "/v1/recluster-runs/{number}:apply",
    response_model=AppliedOut,
    summary="Carry a proposal out, whole or in part",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=APPLY,
)
def post_apply(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    members: JsonBodyDep,
) -> ProposalResult:
    """What is not approved is held, and so is an item that has changed since it was read."""
    require_whole_index(viewer)
    body = JsonBody(members, "items")
    approved = body.numbers("items") if "items" in members else None
    matcher = load_matcher_of_ref(index, proposals.get_proposal(index, viewer, number).model)
    cache_model(request.app, matcher)
    result = recluster_process.apply_proposal(index, viewer, matcher, number, approved)
    request.app.state.index = replace(index, matcher=matcher)
    return result


@router.post(
    "/v1/recluster-runs/{number}:reject",
    response_model=AppliedOut,
    summary="Say no to a proposal",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=REASON_ONLY,
)
def post_reject(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> ProposalResult:
    """Nothing of it is applied or held."""
    require_whole_index(viewer)
    JsonBody(members, "reason")
    return proposals.reject_proposal(index, viewer, number)


@router.post(
    "/v1/recluster-runs/{number}:rollback",
    response_model=AppliedOut,
    summary="Take an applied proposal back",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=REASON_ONLY,
)
def post_rollback(
    request: Request,
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    members: JsonBodyDep,
) -> ProposalResult:
    """The same step with the earlier configuration; what came since stays, and its holds end."""
    require_whole_index(viewer)
    JsonBody(members, "reason")
    matcher = load_matcher_of_ref(index, proposals.get_proposal(index, viewer, number).model_before)
    cache_model(request.app, matcher)
    result = recluster_process.roll_back_proposal(index, viewer, matcher, number)
    request.app.state.index = replace(index, matcher=matcher)
    return result


@router.post(
    "/v1/recluster-runs:simulate",
    response_model=SimulationOut,
    summary="Try other thresholds on the live index",
    responses=describe_problems(409, 413),
    dependencies=[ActionPath],
    openapi_extra=SIMULATE,
)
def post_simulate(index: IndexDep, viewer: CallerDep, _: NoQueryDep, members: JsonBodyDep) -> Simulation:
    """What would merge, split and be asked, in figures; nothing is stored."""
    require_whole_index(viewer)
    body = JsonBody(members, "link", "review", "margin", "cohesion")
    names = ("link", "review", "margin", "cohesion")
    return recluster_process.simulate(
        index, viewer, TrialThresholds(*(body.optional_bits(name) for name in names))
    )


@router.get("/v1/holds", response_model=list[HoldOut], summary="List what is held", responses=describe_problems())
def get_holds(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[HoldView]:
    """Computed changes that wait for a person, oldest first."""
    return holds.list_holds(index, viewer)


@router.post(
    "/v1/holds/{number}:release",
    response_model=HoldEndedOut,
    summary="Let a held change happen",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath],
    openapi_extra=REASON_ONLY,
)
def post_release(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> dict[str, Any]:
    """As it is computed now."""
    require_whole_index(viewer)
    JsonBody(members, "reason")
    return {"hold": number, "status": "released", "moved": holds.release_hold(index, viewer, number)}


@router.post(
    "/v1/holds/{number}:refuse",
    response_model=HoldEndedOut,
    summary="Say no to a held change",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=REASON_ONLY,
)
def post_refuse(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> dict[str, Any]:
    """What it would have changed is a steward's decision from now on."""
    require_permission(viewer, Action.DECIDE)
    require_whole_index(viewer)
    JsonBody(members, "reason")
    return {"hold": number, "status": "refused", "moved": holds.refuse_hold(index, viewer, number)}


def load_matcher_of_ref(index: Index, ref: str | None, *, keep: bool = False) -> Matcher:
    """The model of a name and version; no other path of this machine can be named.

    Raises:
        InputError: it is not given as name and version.
        NotFoundError: there is no such model here.
    """
    if ref is None or ref == index.matcher.model.ref:
        return index.matcher
    if not _MODEL_REF.fullmatch(ref):
        raise InputError("model: give it as name/version")
    settings = Settings(home=index.home, model=None, database_url=None, secret_file=None)
    if not keep:
        return load_matcher(settings, ref)
    try:
        keep_model(settings, ref)
        return load_matcher(settings, ref)
    except ModelError:
        raise NotFoundError(f"model {ref} is not here, or cannot be used by this version") from None
