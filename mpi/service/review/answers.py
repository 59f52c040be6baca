"""Stewards' answers to review questions, stored as decisions in one step.

An answer can be undone whole. The acts on a question that are no answer, such as claiming, are re-exported
here, so that callers find everything about working on a question in one module.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note, check_reason, step_transaction
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, require_decision, revoke_decisions
from mpi.service.gates.own_reports import require_not_own_report
from mpi.service.gates.sent_back import return_to_maker
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, OVERLAY_TASK
from mpi.service.resolution.settlement import NO_ID_CHOICE
from mpi.service.review.answer_outcome import (
    close_question,
    find_remaining_questions,
    mark_closed,
    save_outcome,
    tell_escalator,
)
from mpi.service.review.assignments import assign, claim, defer, escalate, release, reply
from mpi.service.review.bulk_actions import apply_in_bulk
from mpi.service.review.due_dates import parse_future_day
from mpi.service.review.open_questions import OpenQuestion, load_questions
from mpi.service.review.owner_questions import CONFIRM_RECORD, add_owner_question, withdraw_owner_questions
from mpi.service.review.question_view import (
    APPROVE,
    RESPONSES_BY_KIND,
    REVOKE,
    compute_question_etag,
    require_question,
    require_unchanged,
)
from mpi.service.review.queue_search import find_next_key
from mpi.service.review.verdicts import (
    GroupedVerdicts,
    VerdictKind,
    check_answer_reason,
    group_verdicts,
    parse_verdict_kind,
)
from mpi.service.review.work_state import claim_work, make_claimed_error, permit_live_work, record_action
from mpi.service.sampling.blind_review import sample_second_review
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.service.stewardship.approvals import approve_step, load_step_decisions
from mpi.service.stewardship.decisions import effect_from_answer, require_well_formed
from mpi.service.stewardship.overlays import answer_overlay
from mpi.service.stewardship.undo import undo_any_step, undo_decisions
from mpi.storage.repositories.review.task_work import OPEN, QuestionAction, QuestionWork
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

__all__ = [
    "AnswerResult",
    "PairVerdict",
    "answer_question",
    "apply_in_bulk",
    "assign",
    "claim",
    "defer",
    "escalate",
    "release",
    "reply",
    "respond_to_question",
    "undo_answer",
]  # fmt: skip

ANSWER_ACTION, UNDO_ACTION = "answer", "undo"
"""Names in a question's history of an answer and of its undo."""


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """A steward's verdict on one pair of records.

    Args:
        left: the first record.
        right: the second record.
        kind: ``same``, ``different``, ``unsure`` or ``ask``.
    """

    left: RecordRef
    right: RecordRef
    kind: str


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """Result of answering a review question, or of undoing an answer.

    Args:
        effect: changes of persons, IDs and flags, with who received data because of a link that the answer
            removes; in a preview, the changes that it would make.
        step: number of the step that undo takes; None in a preview, or if only source owners were asked.
        next_key: key of the next question to answer; None if no question is open.
    """

    effect: StepEffect
    step: int | None
    next_key: str | None


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


def answer_question(  # noqa: PLR0913 - one parameter for each field of the answer form
    index: Index,
    viewer: Viewer,
    key: str,
    verdicts: Sequence[PairVerdict],
    reason: str,
    note: str | None = None,
    if_match: str | Collection[str] | None = None,
    *,
    preview: bool = False,
    recheck_on: str | None = None,
    supersedes: Collection[int] = (),
) -> AnswerResult:
    """Answer a clerical-review question by verdicts on its record pairs.

    Pairs without a verdict stay open.

    Args:
        index: the open index.
        viewer: the steward.
        key: key of the question or of one of its tasks.
        verdicts: verdicts on pairs of the question's records.
        reason: a code of ``mpi.service.review.verdicts.ANSWER_REASONS``.
        note: free text.
        if_match: ETag or ETags of the question that the steward read; None to skip the check.
        preview: compute the effect without changing anything.
        recheck_on: for ``unsure``, the day (``YYYY-MM-DD``) on which the pair is asked again even if its
            evidence has not changed.
        supersedes: numbers of the decisions that this answer replaces.

    Raises:
        InputError: verdicts contradict each other or name a record outside the question, or the reason code
            does not exist.
        ConflictError: a verdict confirms the steward's own report.
        NotFoundError: there is no such open question for this viewer.
        StaleError: the question has changed since the steward read it.
        ClaimedError: somebody else has claimed the question.
        DecisionConflict: the answer contradicts decisions in force that it does not supersede.
        AccessDenied: the viewer may not decide, or must practice first.
    """
    require_permission(viewer, Action.DECIDE)
    permit_live_work(index, viewer)
    code, clean_note = check_answer_reason(reason), check_note(note)
    recheck_day = None if recheck_on is None else parse_future_day(recheck_on, "recheck_on")
    with step_transaction(index, viewer, "decision", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return _repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        question = _load_unchanged_question(unit, index, key, if_match)
        numbered_verdicts = _resolve_verdicts(unit, question, verdicts)
        grouped = group_verdicts(numbered_verdicts)
        claims = _find_answered_claims(unit, question, numbered_verdicts)
        drafts = _build_drafts(grouped, code, clean_note, recheck_day, supersedes)
        # First, because a second review stores how the index decided each pair before this answer.
        sample_second_review(
            unit, index, viewer.client, [(lo, hi, kind.value) for lo, hi, kind in numbered_verdicts]
        )
        close_question(unit, question)
        effect, record_ids = _apply_drafts(unit, index, question, drafts, claims, code, preview=preview)
        remaining = find_remaining_questions(unit, question)
        owner_question_ids = _ask_owners(unit, question, remaining, grouped.ask)
        detail = {
            "verdicts": [[lo, hi, kind.value] for lo, hi, kind in numbered_verdicts],
            "reason": code,
            "claims": claims,
            "asked": owner_question_ids,
            "rest": sorted(set(remaining.values()) - {question.key}),
        }
        record_action(
            unit,
            question.key,
            ANSWER_ACTION,
            question.records,
            question.to_snapshot(),
            effect.step,
            clean_note,
            **detail,
        )
        tell_escalator(unit, question, effect.step)
        save_outcome(unit, question, effect, remaining.values())
    disclose(index, viewer, Action.DECIDE, record_ids, effect_fields(effect))
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, question.key))


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
            return _repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        question = _load_unchanged_question(unit, index, key, options.if_match)
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
        record_action(
            unit,
            question.key,
            ANSWER_ACTION,
            question.records,
            question.to_snapshot(),
            effect.step,
            options.note,
            **detail,
        )
        tell_escalator(unit, question, effect.step)
        save_outcome(unit, question, effect, find_remaining_questions(unit, question).values())
    disclose(index, viewer, Action.DECIDE, record_ids, effect_fields(effect))
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, question.key))


def undo_answer(
    index: Index, viewer: Viewer, key: str, step_number: int, *, reason: str = "undo", preview: bool = False
) -> AnswerResult:
    """Undo an answer to a review question whole, and reopen the question.

    Args:
        index: the open index.
        viewer: the steward.
        key: key of the question.
        step_number: number of the answer's step.
        reason: a reason code.
        preview: compute the effect without changing anything.

    Raises:
        NotFoundError: there is no such answer that the viewer may see.
        ConflictError: the answer was undone before, belongs to somebody else, or is itself an undo.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    require_permission(viewer, Action.TASK_WORK)
    code = check_reason(reason)
    with step_transaction(index, viewer, "undo", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return _repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        answer_action = _find_answer(unit, key, step_number)
        work = unit.task_work.get([key]).get(key) or QuestionWork(key, OPEN, answer_action.at)
        _require_unclaimed(unit, work)
        unit.task_work.save(replace(work, state=OPEN, closed_at=None, closed_because=None, asleep_until=None))
        withdraw_owner_questions(unit, answer_action.detail.get("asked", ()))
        for remaining_work in unit.task_work.get(answer_action.detail.get("rest", ())).values():
            unit.task_work.save(mark_closed(remaining_work))
        effect, record_ids = undo_any_step(unit, index, step_number, code, preview=preview)
        claims = answer_action.detail.get("claims", [])
        if claims and not effect.awaiting:
            unit.decisions.set_status(claims, DecisionStatus.REVIEW, None)
            resettle(
                unit,
                index,
                {record for claim in unit.decisions.by_ids(claims).values() for record in claim.seen},
                "undo",
            )
        answer_detail = answer_action.detail
        record_action(
            unit,
            key,
            UNDO_ACTION,
            answer_detail.get("records", ()),
            answer_detail,
            effect.step,
            of=step_number,
        )
        if load_questions(unit, [key]):
            unit.task_work.save(claim_work(unit.task_work.get([key])[key], viewer))
        else:
            unit.task_work.close_without_tasks([key], clock.format_timestamp(clock.now()))
    disclose(index, viewer, Action.DECIDE, record_ids, effect_fields(effect))
    return AnswerResult(effect, effect.step, key)


def _load_unchanged_question(
    unit: ReadUnit, index: Index, key: str, if_match: str | Collection[str] | None
) -> OpenQuestion:
    """Load a review question; refuse one claimed by others or changed meanwhile."""
    question = require_question(unit, key)
    if question.work is not None:
        _require_unclaimed(unit, question.work)
    require_unchanged(unit, index, question, (if_match,) if isinstance(if_match, str) else if_match)
    return question


def _require_unclaimed(unit: ReadUnit, work: QuestionWork) -> None:
    """Refuse a review question that somebody else has claimed."""
    now = clock.format_timestamp(clock.now())
    is_claimed_by_other = work.claimed_by is not None and work.claimed_by != unit.viewer.client
    if is_claimed_by_other and (work.lease_until or "") > now:
        raise make_claimed_error(unit, work)


def _resolve_verdicts(
    unit: ReadUnit, question: OpenQuestion, verdicts: Sequence[PairVerdict]
) -> list[tuple[int, int, VerdictKind]]:
    """Replace the record references of verdicts by internal record numbers."""
    numbers_by_record = {label: record for record, label in visible_labels(unit, question.records).items()}
    numbered_verdicts = []
    for number, verdict in enumerate(verdicts, 1):
        if verdict.left not in numbers_by_record or verdict.right not in numbers_by_record:
            raise InputError(f"verdicts: pair {number} names a record that is not of this question")
        numbered_verdicts.append(
            (
                numbers_by_record[verdict.left],
                numbers_by_record[verdict.right],
                parse_verdict_kind(verdict.kind),
            )
        )
    return numbered_verdicts


def _find_answered_claims(
    unit: ReadUnit, question: OpenQuestion, verdicts: Sequence[tuple[int, int, VerdictKind]]
) -> list[int]:
    """Return the reported problems (claims) that verdicts on their pairs settle.

    Raises:
        ConflictError: a verdict confirms a report of the viewer's own.
    """
    kinds = {VerdictKind.SAME: DecisionKind.SAME, VerdictKind.DIFFERENT: DecisionKind.DIFFERENT}
    decided_pairs = {frozenset((lo, hi)): kinds[kind] for lo, hi, kind in verdicts if kind in kinds}
    claims = {
        task.decision_id: decided_pairs[task.ends]
        for task in question.asked_tasks
        if task.kind == CLAIM and task.decision_id is not None and task.ends in decided_pairs
    }
    for claim_id, kind in claims.items():
        require_not_own_report(unit, require_decision(unit, claim_id), kind)
    return sorted(claims)


def _build_drafts(
    grouped: GroupedVerdicts,
    reason: str,
    note: str | None,
    recheck_on: str | None,
    supersedes: Collection[int],
) -> list[DecisionDraft]:
    """Build the decisions that a steward's grouped verdicts make."""
    groups: list[tuple[DecisionKind, RecordGroups]] = [
        (DecisionKind.SAME, (group,)) for group in grouped.same
    ]
    groups += [(DecisionKind.DIFFERENT, group_pair) for group_pair in grouped.different]
    drafts = [
        DecisionDraft(kind, require_well_formed(kind, record_groups), reason, "decision")
        for kind, record_groups in groups
    ]
    drafts += [
        DecisionDraft(DecisionKind.UNSURE, (pair,), reason, "decision", recheck_on=recheck_on)
        for pair in grouped.unsure
    ]
    # Note and superseded decisions belong to the whole answer: only its first decision carries them.
    return [
        replace(draft, note=note, supersedes=supersedes) if position == 0 else draft
        for position, draft in enumerate(drafts)
    ]


def _apply_drafts(
    unit: WriteUnit,
    index: Index,
    question: OpenQuestion,
    drafts: Sequence[DecisionDraft],
    claims: Sequence[int],
    reason: str,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Store the decisions of an answer; return effect and shown record numbers."""
    if not drafts:
        return StepEffect(
            kind="ask", preview=preview, step=None, decisions=(), persons=(), moved=(), told=()
        ), frozenset(question.records)
    new_step = PlannedStep(
        kind="decision",
        reason=reason,
        drafts=drafts,
        detail={"groups": [draft.groups for draft in drafts], "question": question.key},
        choice=NO_ID_CHOICE,
        etag=compute_question_etag(unit, index, question),
    )
    revoke_decisions(unit, list(unit.decisions.by_ids(claims).values()))
    return apply_step(unit, index, new_step, preview=preview)


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
        *_apply_drafts(
            unit, index, question, [confirmation], claims, options.reason, preview=options.preview
        ),
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


def _ask_owners(
    unit: WriteUnit, question: OpenQuestion, remaining: Mapping[str, str], pairs: Collection[tuple[int, int]]
) -> list[int]:
    """Ask the source owners about both records of each pair.

    Returns:
        Numbers of the questions to the owners.
    """
    owner_question_ids: list[int] = []
    asked_records: set[int] = set()
    for pair in pairs:
        key = next(
            (
                remaining[task.key]
                for task in question.tasks
                if task.ends == frozenset(pair) and task.key in remaining
            ),
            question.key,
        )
        owner_question_ids += [
            add_owner_question(unit, key, record, CONFIRM_RECORD)
            for record in pair
            if record not in asked_records
        ]
        asked_records |= set(pair)
    return owner_question_ids


def _find_answer(unit: ReadUnit, key: str, step_number: int) -> QuestionAction:
    """Return the line of a question's history for an answer's step number."""
    answers = [
        act
        for act in unit.task_work.actions_on(key)
        if act.action == ANSWER_ACTION and act.step == step_number
    ]
    records: set[int] = {record for act in answers for record in act.detail.get("records", ())}
    if not answers or visible_labels(unit, records).keys() != records:
        raise NotFoundError(f"the question was not answered by a step {step_number}")
    return answers[-1]


def _repeat_result(index: Index, viewer: Viewer, effect: StepEffect, key: str) -> AnswerResult:
    """Build the result of an answer that an identical earlier call applied."""
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, key))


def _find_next_key(index: Index, viewer: Viewer, key: str) -> str | None:
    """Return the key of the next open review question for the viewer."""
    with index.database.read(viewer) as unit:
        return find_next_key(unit, key)
