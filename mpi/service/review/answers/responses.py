"""Responses to questions about a decision or a record version."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note, check_reason, step_transaction
from mpi.service.decisions.decision_log import DecisionDraft, require_decision
from mpi.service.gates.own_reports import require_not_own_report
from mpi.service.gates.sent_back import return_to_maker
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.resolution.review_tasks import APPROVAL, OVERLAY_TASK
from mpi.service.review.answers.answer_outcome import close_question, find_remaining_questions, record_answer
from mpi.service.review.answers.answer_step import (
    AnswerResult,
    apply_drafts,
    find_next_question,
    load_unchanged_question,
    repeat_result,
)
from mpi.service.review.open_questions import OpenQuestion
from mpi.service.review.question_view import APPROVE, RESPONSES_BY_KIND, REVOKE
from mpi.service.review.work_state import permit_live_work
from mpi.service.stewardship.approvals import approve_step, load_step_decisions
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.overlays import answer_overlay
from mpi.service.stewardship.undo import undo_any_step, undo_decisions
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """Options of a response to a question about a decision or version.

    Args:
        reason: a reason code.
        note: free text.
        if_match: ETags of the question that the steward read; None to skip the check.
        preview: compute the effect without changing anything.
    """

    reason: str
    note: str | None = None
    if_match: Collection[str] | None = None
    preview: bool = False


def respond_to_question(
    index: Index,
    viewer: Viewer,
    key: str,
    response: str,
    options: ResponseOptions,
    decision: int | None = None,
) -> AnswerResult:
    """Answer a review question about a decision or a record version.

    For a decision, ``confirm`` says that it holds (for a claim, that it is true), ``revoke`` takes it back,
    and ``approve`` is the second approval of its step. For an overlay, ``release`` activates the waiting
    version and ``refuse`` keeps the version before.

    Args:
        index: the open index.
        viewer: the steward or approver.
        key: key of the question.
        response: one of the responses that the question's view names.
        options: reason, note, ETags and preview.
        decision: for a conflict, number of the decision in the chain to revoke; without one, the suspended
            decision.

    Raises:
        InputError: the question does not take this response.
        NotFoundError: there is no such open question or decision for this viewer.
        StaleError: the question has changed since the steward read it.
        ClaimedError: somebody else has claimed the question.
        ConflictError: only another person may take the decision back, or the viewer made the step to approve.
        DecisionConflict: the response contradicts a later decision.
        AccessDenied: the viewer may not decide, or may not approve.
    """
    require_permission(viewer, Action.APPROVE if response == APPROVE else Action.DECIDE)
    permit_live_work(index, viewer)
    options = replace(options, reason=check_reason(options.reason), note=check_note(options.note))
    with step_transaction(index, viewer, "decision", preview=options.preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        question = load_unchanged_question(unit, index, key, options.if_match)
        if response not in RESPONSES_BY_KIND.get(question.main_task.kind, ()):
            allowed = ", ".join(RESPONSES_BY_KIND.get(question.main_task.kind, ())) or "verdicts on its pairs"
            raise InputError(f"response: this question is answered by {allowed}")
        close_question(unit, question)
        if question.main_task.kind == OVERLAY_TASK:
            effect, record_ids = answer_overlay(
                unit, index, question.main_task.lo, response, options.reason, preview=options.preview
            )
            store_answer(unit, index, effect.as_dict(), record_ids)
            detail: dict[str, object] = {"response": response, "reason": options.reason}
        else:
            target_decision = require_decision(unit, decision or question.main_task.decision_id or 0)
            effect, record_ids, claims = _apply_response(
                unit, index, question, target_decision, response, options
            )
            detail = {
                "response": response,
                "reason": options.reason,
                "decision": target_decision.id,
                "claims": claims,
            }
        remaining = find_remaining_questions(unit, question)
        record_answer(unit, question, effect, remaining.values(), options.note, **detail)
    disclose(index, viewer, Action.DECIDE, record_ids, effect_fields(effect))
    return AnswerResult(effect, effect.step, find_next_question(index, viewer, question.key))


def _apply_response(
    unit: WriteUnit,
    index: Index,
    question: OpenQuestion,
    decision: StoredDecision,
    response: str,
    options: ResponseOptions,
) -> tuple[StepEffect, frozenset[int], list[int]]:
    """Confirm, revoke or approve the decision that a review question is about.

    Returns:
        The effect, the numbers of the records that it shows, and the numbers of the claims that it settles.
    """
    decision_step = None if decision.step_id is None else unit.steps.get(decision.step_id)
    awaited_step = next(
        (approval.step_id for approval in unit.pending_approvals.all_of_decisions([decision.id])), None
    )
    if response == APPROVE and awaited_step is not None:
        return (*approve_step(unit, index, awaited_step, preview=options.preview), [])
    if response == REVOKE and question.main_task.kind == APPROVAL and awaited_step is not None:
        return (*_end_awaited_step(unit, index, awaited_step, options), [])
    if response == REVOKE:
        return (
            *undo_decisions(unit, index, [decision], decision_step, options.reason, preview=options.preview),
            [],
        )
    claims = [decision.id] if decision.status is DecisionStatus.REVIEW else []
    if claims:
        require_not_own_report(unit, decision, decision.kind)
    confirmation = DecisionDraft(
        decision.kind,
        decision.groups,
        options.reason,
        "decision",
        note=options.note,
        supersedes=() if claims else (decision.id,),
    )
    return (
        *apply_drafts(unit, index, question, [confirmation], claims, options.reason, preview=options.preview),
        claims,
    )


def _end_awaited_step(
    unit: WriteUnit, index: Index, step_id: int, options: ResponseOptions
) -> tuple[StepEffect, frozenset[int]]:
    """End a step that waits for approval.

    The maker of the step is told if somebody else ends it.
    """
    step = unit.steps.get(step_id)
    decisions = load_step_decisions(unit, step)
    outcome = undo_any_step(unit, index, step_id, options.reason, preview=options.preview)
    if step is not None and unit.commit_info({step.commit_no})[step.commit_no][1] != unit.viewer.client:
        return_to_maker(unit, index, step, decisions, options.reason, options.note)
    return outcome
