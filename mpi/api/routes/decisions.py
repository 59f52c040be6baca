"""Routes for decisions, merges, splits, moves, approvals and undo."""

from fastapi import APIRouter

from mpi.api.request.authentication import ActionPath, CallerDep, IfMatchDep, IndexDep, WriterDep
from mpi.api.request.json_body import JsonBody, JsonBodyDep
from mpi.api.request.model_reload import ModelReloadRoute
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
from mpi.service.persons.effects import StepEffect
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
    summary="Decide that records are one person, are different persons, or cannot be told",
    responses=describe_problems(404, 409, 413, 422),
    openapi_extra=DECIDE,
)
def post_decision(index: IndexDep, viewer: WriterDep, _: NoQueryDep, members: JsonBodyDep) -> StepEffect:
    """Decide whether groups of records are one person.

    A decision holds until it is undone or superseded, whatever new record versions or models say. A decision
    that contradicts decisions in force is answered 409 with their numbers in `chain`.
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
    summary="Report a wrong link, a missed link, or two IDs of one child",
    responses=describe_problems(404, 413, 422),
    openapi_extra=REPORT,
)
def post_link_report(
    index: IndexDep, viewer: WriterDep, _: NoQueryDep, members: JsonBodyDep
) -> dict[str, int]:
    """Report a wrong link, a missed link, or a duplicate ID.

    A report changes nothing by itself. It becomes a claim, and a task asks a steward about it.
    """
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
    """List decisions about records that the caller may see.

    Newest first; go on with `before` set to the last `id`.
    """
    return decisions.list_decisions(index, viewer, query.before, query.limit)


@router.get(
    "/v1/decisions/{number}",
    response_model=DecisionOut,
    summary="Read a decision with the evidence that its author saw",
    responses=describe_problems(404),
)
def get_decision(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> DecisionView:
    """Return a decision with its evidence, and whether it is in force."""
    return decisions.get_decision(index, viewer, number)


@router.post(
    "/v1/decisions/{number}:undo",
    response_model=EffectOut,
    summary="Undo a decision",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_decision_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Undo a decision.

    The result is as if the decision had never been made, with everything that came since. `stays` lists what
    does not change, and why.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or _DEFAULT_UNDO_REASON
    return undo.undo_decision(index, viewer, number, reason, preview=body.flag("preview"))


@router.post(
    "/v1/steps/{number}:undo",
    response_model=EffectOut,
    summary="Undo a merge, split, move or decision whole",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_step_undo(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Undo a step whole: all decisions that it made are revoked.

    Steps can be undone in any order.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "reason", "preview")
    reason = body.optional_text("reason") or _DEFAULT_UNDO_REASON
    return undo.undo_step(index, viewer, number, reason, preview=body.flag("preview"))


@router.post(
    "/v1/steps/{number}:approve",
    response_model=EffectOut,
    summary="Approve a step that waits for a second approver",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=UNDO,
)
def post_step_approve(
    index: IndexDep, viewer: WriterDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Approve a step that waits for a second approver.

    It takes effect as computed now. Whoever made the step cannot approve it.
    """
    require_permission(viewer, Action.APPROVE)
    return approve(index, viewer, number, preview=JsonBody(members, "reason", "preview").flag("preview"))


@router.post(
    "/v1/persons:merge",
    response_model=EffectOut,
    summary="Merge two or more persons",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=MERGE,
)
def post_merge(
    index: IndexDep, viewer: WriterDep, etags: IfMatchDep, _: NoQueryDep, members: JsonBodyDep
) -> StepEffect:
    """Merge two or more persons into one.

    The surviving ID stays; the other IDs are retired and answer with the survivor. The survivor is the ID
    with an open enrollment, then with most records, then the oldest, unless `survivor` names another.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "eids", "survivor", *_REASON_MEMBERS)
    reason = _build_reason(body, etags)
    return merge.merge(index, viewer, body.texts("eids"), reason, body.optional_text("survivor"))


@router.post(
    "/v1/persons/{eid}:split",
    response_model=EffectOut,
    summary="Split one person's records into several persons",
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
) -> StepEffect:
    """Split one person's records into several persons.

    The group with most of the records keeps the ID, unless `keep` names another.
    """
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
) -> StepEffect:
    """Move records from one person to another.

    A decision keeps them apart from the first person and together with the second.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "records", "to", *_REASON_MEMBERS)
    reason = _build_reason(body, etags)
    return merge.move(index, viewer, eid, body.records("records"), body.text("to"), reason)


def _build_reason(body: JsonBody, etags: tuple[str, ...] | None) -> StepOptions:
    """Build a step's options from the body's members and the ETags."""
    return StepOptions(
        reason=body.text("reason"),
        note=body.optional_text("note"),
        supersedes=body.numbers("supersedes"),
        expected_etags=etags,
        preview=body.flag("preview"),
    )


def _parse_decision_kind(text: str) -> DecisionKind:
    """Parse the kind of a decision."""
    try:
        return DecisionKind(text)
    except ValueError:
        raise InputError(f"kind: one of {', '.join(kind.value for kind in DecisionKind)}") from None
