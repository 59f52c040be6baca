"""Routes for decisions, merges, splits, moves, approvals and undo."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import (
    ActionPath,
    CallerDep,
    IfMatchDep,
    IndexDep,
    WriterDep,
    permit,
)
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import (
    DecisionBody,
    DecisionOut,
    EffectOut,
    LinkReportBody,
    MergeBody,
    MoveBody,
    ReportedOut,
    SplitBody,
    UndoBody,
)
from mpi.api.schemas.parameters import DecisionsDep, EidDep, NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship import decisions, merge_split_move, undo
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, DecisionView

router = APIRouter(tags=["decisions"], route_class=ModelReloadRoute)
_DEFAULT_UNDO_REASON = "undo"


@router.post(
    "/v1/decisions",
    operation_id="create_decision",
    response_model=EffectOut,
    summary="Decide that records are one person, are different persons, or cannot be told",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[permit(Action.DECIDE)],
    openapi_extra=describe_body(DecisionBody),
)
def post_decision(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[DecisionBody, Depends(DecisionBody.read)],
) -> StepEffect:
    """Decide whether groups of records are one person.

    A decision holds until it is undone or superseded, whatever new record versions or models say. A decision
    that contradicts decisions in force is answered 409 with their numbers in `chain`.
    """
    decision = DecisionRequest(
        kind=body.kind,
        groups=body.groups,
        reason=body.reason,
        effective_from=body.effective_from,
        recheck_on=body.recheck_on,
        note=body.note,
        supersedes=body.supersedes,
    )
    return decisions.decide(index, viewer, decision, preview=body.preview)


@router.post(
    "/v1/link-reports",
    operation_id="report_link",
    response_model=ReportedOut,
    summary="Report a wrong link, a missed link, or two IDs of one child",
    responses=describe_problems(404, 413, 422),
    dependencies=[permit(Action.LINK_REPORT)],
    openapi_extra=describe_body(LinkReportBody),
)
def post_link_report(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[LinkReportBody, Depends(LinkReportBody.read)],
) -> dict[str, int]:
    """Report a wrong link, a missed link, or a duplicate ID.

    A report changes nothing by itself. It becomes a claim, and a task asks a steward about it.
    """
    claim = DecisionRequest(body.kind, body.groups, body.reason, note=body.note)
    return {"claim": decisions.report_link(index, viewer, claim)}


@router.get(
    "/v1/decisions",
    operation_id="list_decisions",
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
    operation_id="get_decision",
    response_model=DecisionOut,
    summary="Read a decision with the evidence that its author saw",
    responses=describe_problems(404),
)
def get_decision(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> DecisionView:
    """Return a decision with its evidence, and whether it is in force."""
    return decisions.get_decision(index, viewer, number)


@router.post(
    "/v1/decisions/{number}:undo",
    operation_id="undo_decision",
    response_model=EffectOut,
    summary="Undo a decision",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(UndoBody),
)
def post_decision_undo(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> StepEffect:
    """Undo a decision.

    The result is as if the decision had never been made, with everything that came since. `stays` lists what
    does not change, and why.
    """
    return undo.undo_decision(
        index, viewer, number, body.reason or _DEFAULT_UNDO_REASON, preview=body.preview
    )


@router.post(
    "/v1/steps/{number}:undo",
    operation_id="undo_step",
    response_model=EffectOut,
    summary="Undo a merge, split, move or decision whole",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(UndoBody),
)
def post_step_undo(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> StepEffect:
    """Undo a step whole: all decisions that it made are revoked.

    Steps can be undone in any order.
    """
    return undo.undo_step(index, viewer, number, body.reason or _DEFAULT_UNDO_REASON, preview=body.preview)


@router.post(
    "/v1/steps/{number}:approve",
    operation_id="approve_step",
    response_model=EffectOut,
    summary="Approve a step that waits for a second approver",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[ActionPath, permit(Action.APPROVE)],
    openapi_extra=describe_body(UndoBody),
)
def post_step_approve(
    index: IndexDep,
    viewer: WriterDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[UndoBody, Depends(UndoBody.read)],
) -> StepEffect:
    """Approve a step that waits for a second approver.

    It takes effect as computed now. Whoever made the step cannot approve it.
    """
    return approve(index, viewer, number, preview=body.preview)


@router.post(
    "/v1/persons:merge",
    operation_id="merge_persons",
    response_model=EffectOut,
    summary="Merge two or more persons",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(MergeBody),
)
def post_merge(
    index: IndexDep,
    viewer: WriterDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    body: Annotated[MergeBody, Depends(MergeBody.read)],
) -> StepEffect:
    """Merge two or more persons into one.

    The surviving ID stays; the other IDs are retired and answer with the survivor. The survivor is the ID
    with an open enrollment, then with most records, then the oldest, unless `survivor` names another.
    """
    return merge_split_move.merge(index, viewer, body.eids, body.build_options(etags), body.survivor)


@router.post(
    "/v1/persons/{eid}:split",
    operation_id="split_person",
    response_model=EffectOut,
    summary="Split one person's records into several persons",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(SplitBody),
)
def post_split(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    body: Annotated[SplitBody, Depends(SplitBody.read)],
) -> StepEffect:
    """Split one person's records into several persons.

    The group with most of the records keeps the ID, unless `keep` names another.
    """
    return merge_split_move.split(
        index, viewer, eid, body.groups, body.build_options(etags), body.keep, body.one_child
    )


@router.post(
    "/v1/persons/{eid}:move",
    operation_id="move_records",
    response_model=EffectOut,
    summary="Move records from one person to another",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(MoveBody),
)
def post_move(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    body: Annotated[MoveBody, Depends(MoveBody.read)],
) -> StepEffect:
    """Move records from one person to another.

    A decision keeps them apart from the first person and together with the second.
    """
    return merge_split_move.move(index, viewer, eid, body.records, body.to, body.build_options(etags))
