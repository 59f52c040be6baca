"""Decisions, and the steps that are made of them: merge, split, move, undo."""

from fastapi import APIRouter

from mpi.api.request.access import ActionPath, CallerDep, IfMatchDep, IndexDep, WriterDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.decisions import (
    DECIDE,
    MERGE,
    MOVE,
    REPORT,
    SPLIT,
    UNDO,
    DecisionOut,
    EffectOut,
    ReportedOut,
)
from mpi.api.schemas.parameters import DecisionsDep, EidDep, NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, require_permission
from mpi.service.persons.effects import Effect
from mpi.service.stewardship import decisions, merge, undo
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, DecisionView
from mpi.service.stewardship.merge import StepOptions

router = APIRouter(tags=["decisions"], route_class=ModelReloadRoute)
_REASON_MEMBERS = ("reason", "note", "supersedes", "preview")
_DEFAULT_UNDO_REASON = "undo"


@router.post(
    "/v1/decisions",
    response_model=EffectOut,
    summary="Decide that records are one person, are not, or that it is unsure",
    responses=describe_problems(404, 409, 413, 422),
    openapi_extra=DECIDE,
)
def post_decision(index: IndexDep, viewer: WriterDep, _: NoQueryDep, members: JsonBodyDep) -> Effect:
    """It holds until it is undone or superseded, whatever its records come to say and whatever the model.

    One that contradicts decisions in force is answered 409 with their numbers in `chain`.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "kind", "groups", "effective_from", "recheck_on", *_REASON_MEMBERS)
    decision = DecisionRequest(
        kind=_parse_decision_kind(body.text("kind")),
        groups=body.groups("groups"),
        reason=body.text("reason"),
        effective_from=body.optional_text("effective_from"),
        recheck_on=body.optional_text("recheck_on"),
        note=body.optional_text("note"),
        supersedes=body.numbers("supersedes"),
    )
    return decisions.decide(index, viewer, decision, preview=body.flag("preview"))


@router.post(
    "/v1/link-reports",
    response_model=ReportedOut,
    summary="Report a wrong link, a missed one, or two IDs of one child",
    responses=describe_problems(404, 413, 422),
    openapi_extra=REPORT,
)
def post_link_report(
    index: IndexDep, viewer: WriterDep, _: NoQueryDep, members: JsonBodyDep
) -> dict[str, int]:
    """It changes nothing by itself: it is a claim, and a task asks a steward about it."""
    require_permission(viewer, Action.LINK_REPORT)
    body = JsonBody(members, "kind", "groups", "reason", "note")
    claim = DecisionRequest(
        _parse_decision_kind(body.text("kind")),
        body.groups("groups"),
        body.text("reason"),
        note=body.optional_text("note"),
    )
    return {"claim": decisions.report_link(index, viewer, claim)}


@router.get(
    "/v1/decisions",
    response_model=list[DecisionOut],
    summary="List decisions, newest first",
    responses=describe_problems(),
)
def get_decisions(index: IndexDep, viewer: CallerDep, query: DecisionsDep) -> list[DecisionView]:
    """Those about records that the caller may see; go on with `before` set to the last `id`."""
    return decisions.list_decisions(index, viewer, query.before, query.limit)


@router.get(
    "/v1/decisions/{number}",
    response_model=DecisionOut,
    summary="Read a decision with the evidence that its maker saw",
    responses=describe_problems(404),
)
def get_decision(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> DecisionView:
    """Who said what, when and why; and whether it still binds."""
    return decisions.get_decision(index, viewer, number)


@router.post(
    "/v1/decisions/{number}:undo",
    response_model=EffectOut,
    summary="Take a decision back",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_decision_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> Effect:
    """The result is what would be without it, with all that came since; `stays` tells what stays as it is."""
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or _DEFAULT_UNDO_REASON
    return undo.undo_decision(index, viewer, number, reason, preview=body.flag("preview"))


@router.post(
    "/v1/steps/{number}:undo",
    response_model=EffectOut,
    summary="Take a merge, split, move or decision back, whole",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_step_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> Effect:
    """All decisions that the step made are revoked, in any order with other steps."""
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or _DEFAULT_UNDO_REASON
    return undo.undo_step(index, viewer, number, reason, preview=body.flag("preview"))


@router.post(
    "/v1/steps/{number}:approve",
    response_model=EffectOut,
    summary="Give the second word on a step that waits for one",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_step_approve(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> Effect:
    """It takes effect as it would now. Whoever made the step cannot approve it."""
    require_permission(viewer, Action.APPROVE)
    return approve(index, viewer, number, preview=JsonBody(members, "reason", "preview").flag("preview"))


@router.post(
    "/v1/persons:merge",
    response_model=EffectOut,
    summary="Make two or more persons one",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=MERGE,
)
def post_merge(
    index: IndexDep, viewer: WriterDep, etags: IfMatchDep, _: NoQueryDep, members: JsonBodyDep
) -> Effect:
    """The survivor keeps its ID; the others are retired and answer with it.

    Survivor is the ID with an open enrolment, then of most records, then the oldest, unless `survivor` says.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "eids", "survivor", *_REASON_MEMBERS)
    reason = _build_reason(body, etags)
    return merge.merge(index, viewer, body.texts("eids"), reason, body.optional_text("survivor"))


@router.post(
    "/v1/persons/{eid}:split",
    response_model=EffectOut,
    summary="Part one person's records into several persons",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=SPLIT,
)
def post_split(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    members: JsonBodyDep,
) -> Effect:
    """The part that holds most of its records keeps the ID, unless `keep` says."""
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "groups", "keep", "one_child", *_REASON_MEMBERS)
    reason = _build_reason(body, etags)
    one_child = body.numbers("one_child")
    return merge.split(
        index, viewer, eid, body.groups("groups"), reason, body.optional_group("keep"), one_child
    )


@router.post(
    "/v1/persons/{eid}:move",
    response_model=EffectOut,
    summary="Move records from one person to another",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=MOVE,
)
def post_move(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    members: JsonBodyDep,
) -> Effect:
    """They are held apart from the one person, and together with the other."""
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "records", "to", *_REASON_MEMBERS)
    reason = _build_reason(body, etags)
    return merge.move(index, viewer, eid, body.records("records"), body.text("to"), reason)


def _build_reason(body: JsonBody, etags: tuple[str, ...] | None) -> StepOptions:
    return StepOptions(
        reason=body.text("reason"),
        note=body.optional_text("note"),
        supersedes=body.numbers("supersedes"),
        expected=etags,
        preview=body.flag("preview"),
    )


def _parse_decision_kind(text: str) -> DecisionKind:
    try:
        return DecisionKind(text)
    except ValueError:
        raise InputError(f"kind: one of {', '.join(kind.value for kind in DecisionKind)}") from None
