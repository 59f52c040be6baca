"""Answering a question: verdicts pair by pair become decisions, in one step that can be taken back whole.

Claiming and the like are here by name too, so that whoever works a question finds all of it in one place.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import keep_answer, kept_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import note_text, reason_code, step
from mpi.service.core.visibility import Groups, visible
from mpi.service.decisions.decision_log import Statement, require_decision, revoke
from mpi.service.persons.effects import FIELDS, Effect, fields_of
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, OVERLAY_TASK
from mpi.service.resolution.settlement import NO_ID_CHOICE
from mpi.service.review.answer_outcome import mark_closed, find_remaining_questions, close_question, save_outcome
from mpi.service.review.assignments import (
    record_action,
    assign,
    claim,
    make_claimed_error,
    parse_future_day,
    defer,
    escalate,
    claim_work,
    apply_in_bulk,
    permit_live_work,
    release,
)
from mpi.service.review.open_questions import OpenQuestion, load_questions
from mpi.service.review.owner_questions import CONFIRM_RECORD, add_owner_question, withdraw_owner_questions
from mpi.service.review.question import APPROVE, RESPONSES_BY_KIND, REVOKE, require_unchanged, require_question, compute_question_etag
from mpi.service.review.queue_reader import find_next_key
from mpi.service.review.verdicts import GroupedVerdicts, VerdictKind, check_answer_reason, group_verdicts, parse_verdict_kind
from mpi.service.sampling.blind_review import sample_second_review
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.service.stewardship.approvals import approve_step
from mpi.service.stewardship.decisions import effect_of, well_formed
from mpi.service.stewardship.overlays import answer_overlay
from mpi.service.stewardship.undo import undo_decisions, undo_any_step
from mpi.storage.repositories.review.task_work import OPEN, Act, Work
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

__all__ = [
    "AnswerResult", "PairVerdict", "answer_question", "assign", "claim", "defer", "escalate", "apply_in_bulk", "release", "respond_to_question",
    "undo_answer",
]  # fmt: skip

ANSWER_ACTION, UNDO_ACTION = "answer", "undo"


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """What is said of one pair: ``same``, ``different``, ``unsure`` or ``ask``."""

    left: RecordRef
    right: RecordRef
    kind: str


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """What an answer did.

    Args:
        effect: on people, IDs and flags, with who received what because of a link that it parts; of a
            preview, what it would do.
        step: the step by which it can be taken back; None of a preview, or where only a source was asked.
        next_key: the question to go on with; None where nothing waits.
    """

    effect: Effect
    step: int | None
    next_key: str | None


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """How an answer is given.

    Args:
        reason: a code.
        note: free text.
        if_match: tags of the question as it was read; None for any.
        preview: change nothing.
    """

    reason: str
    note: str | None = None
    if_match: Collection[str] | None = None
    preview: bool = False


def answer_question(  # noqa: PLR0913 - as the desk's pages and the API give them
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
    """Answer a question pair by pair; pairs that are left out stay asked.

    Args:
        index: the open index.
        viewer: the steward.
        key: the question's, or that of one of its tasks.
        verdicts: on pairs of its records.
        reason: a code of ``mpi.service.review.verdicts.ANSWER_REASONS``.
        note: free text.
        if_match: the question's tag as it was read, or several; None for any.
        preview: change nothing.
        recheck_on: of ``unsure``, the day from which it is asked again even if nothing has changed.
        supersedes: decisions whose place it takes.

    Raises:
        InputError: verdicts contradict each other or are not of this question, or there is no such reason.
        NotFoundError: there is no such open question for this viewer.
        StaleError: the question has changed since it was read.
        ClaimedError: somebody else has it.
        DecisionConflict: it contradicts decisions in force that it does not supersede.
        AccessDenied: the viewer may not decide, or has to practise first.
    """
    permit(viewer, Action.DECIDE)
    permit_live_work(index, viewer)
    code, clean_note = check_answer_reason(reason), note_text(note)
    recheck_day = None if recheck_on is None else parse_future_day(recheck_on, "recheck_on")
    with step(index, viewer, "decision", preview=preview) as unit:
        if (stored_answer := kept_answer(unit, index, FIELDS)) is not None:
            return _repeat_result(index, viewer, effect_of(stored_answer, viewer), key)
        question = _load_unchanged_question(unit, index, key, if_match)
        numbered_verdicts = _resolve_verdicts(unit, question, verdicts)
        grouped = group_verdicts(numbered_verdicts)
        claims = _find_answered_claims(question, numbered_verdicts)
        statements = _build_statements(grouped, code, clean_note, recheck_day, supersedes)
        # Before anything is settled: how the index held each pair is kept with it.
        sample_second_review(unit, index, viewer.client, [(lo, hi, kind.value) for lo, hi, kind in numbered_verdicts])
        close_question(unit, question)
        effect, record_ids = _apply_statements(unit, index, question, statements, claims, code, preview=preview)
        remaining = find_remaining_questions(unit, question)
        owner_question_ids = _ask_owners(unit, question, remaining, grouped.ask)
        detail = {
            "verdicts": [[lo, hi, kind.value] for lo, hi, kind in numbered_verdicts],
            "reason": code,
            "claims": claims,
            "asked": owner_question_ids,
            "rest": sorted(set(remaining.values()) - {question.key}),
        }
        record_action(unit, question.key, ANSWER_ACTION, question.records, question.decisions, effect.step, clean_note, **detail)
        save_outcome(unit, question, effect, remaining.values())
    disclose(index, viewer, Action.DECIDE, record_ids, fields_of(effect))
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, question.key))


def respond_to_question(
    index: Index, viewer: Viewer, key: str, response: str, how: ResponseOptions, decision: int | None = None
) -> AnswerResult:
    """Answer a question that is not about pairs.

    Of a decision, ``confirm`` says that it holds (of a claim: that it is so), ``revoke`` takes it back, and
    ``approve`` gives the second word on its step. Of an overlay, ``release`` lets the version stand that
    waits, and ``refuse`` keeps the version before.

    Args:
        index: the open index.
        viewer: the steward or approver.
        key: the question's.
        response: one of those that the question's view names.
        how: reason, note, tag as read, and whether to change nothing.
        decision: of a conflict, which decision of the chain to revoke; the one that gave way where none is
            given.

    Raises:
        InputError: that is no response to this kind of question.
        NotFoundError: there is no such open question or decision for this viewer.
        StaleError: the question has changed since it was read.
        ClaimedError: somebody else has it.
        ConflictError: it is another's to take back, or the viewer's own to approve.
        DecisionConflict: it contradicts what was decided since.
        AccessDenied: the viewer may not decide, or not approve.
    """
    permit(viewer, Action.APPROVE if response == APPROVE else Action.DECIDE)
    permit_live_work(index, viewer)
    code, clean_note = reason_code(how.reason), note_text(how.note)
    with step(index, viewer, "decision", preview=how.preview) as unit:
        if (stored_answer := kept_answer(unit, index, FIELDS)) is not None:
            return _repeat_result(index, viewer, effect_of(stored_answer, viewer), key)
        question = _load_unchanged_question(unit, index, key, how.if_match)
        if response not in RESPONSES_BY_KIND.get(question.first.kind, ()):
            allowed = ", ".join(RESPONSES_BY_KIND.get(question.first.kind, ())) or "verdicts on its pairs"
            raise InputError(f"response: this question is answered by {allowed}")
        close_question(unit, question)
        if question.first.kind == OVERLAY_TASK:
            effect, record_ids = answer_overlay(unit, index, question.first.lo, response, code, preview=how.preview)
            keep_answer(unit, index, effect.as_dict(), record_ids)
            detail: dict[str, object] = {"response": response, "reason": code}
        else:
            target_decision = require_decision(unit, decision or question.first.decision_id or 0)
            effect, record_ids, claims = _apply_response(
                unit, index, question, target_decision, response, code, clean_note, preview=how.preview
            )
            detail = {"response": response, "reason": code, "decision": target_decision.id, "claims": claims}
        record_action(unit, question.key, ANSWER_ACTION, question.records, question.decisions, effect.step, clean_note, **detail)
        save_outcome(unit, question, effect, find_remaining_questions(unit, question).values())
    disclose(index, viewer, Action.DECIDE, record_ids, fields_of(effect))
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, question.key))


def undo_answer(
    index: Index, viewer: Viewer, key: str, step_number: int, *, reason: str = "undo", preview: bool = False
) -> AnswerResult:
    """Take an answer back, whole: its question is asked again, with its history.

    Args:
        index: the open index.
        viewer: the steward.
        key: the question's.
        step_number: the step of the answer.
        reason: a code.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such answer that the viewer may know of.
        ConflictError: it was taken back before, is another's, or took something back itself.
        ClaimedError: somebody else has the question.
        AccessDenied: the viewer may not decide.
    """
    permit(viewer, Action.DECIDE)
    permit(viewer, Action.TASK_WORK)
    code = reason_code(reason)
    with step(index, viewer, "undo", preview=preview) as unit:
        if (stored_answer := kept_answer(unit, index, FIELDS)) is not None:
            return _repeat_result(index, viewer, effect_of(stored_answer, viewer), key)
        answer_action = _find_answer(unit, key, step_number)
        work = unit.task_work.get([key]).get(key) or Work(key, OPEN, answer_action.at)
        _require_unclaimed(unit, work)
        unit.task_work.put(replace(work, state=OPEN, closed_at=None, closed_because=None, asleep_until=None))
        withdraw_owner_questions(unit, answer_action.detail.get("asked", ()))
        for remaining_work in unit.task_work.get(answer_action.detail.get("rest", ())).values():
            unit.task_work.put(mark_closed(remaining_work))
        effect, record_ids = undo_any_step(unit, index, step_number, code, preview=preview)
        claims = answer_action.detail.get("claims", [])
        if claims and not effect.awaiting:
            unit.decisions.set_status(claims, DecisionStatus.REVIEW, None)
            resettle(
                unit, index, {record for claim in unit.decisions.get(claims).values() for record in claim.seen}, "undo"
            )
        answer_detail = answer_action.detail
        record_action(
            unit, key, UNDO_ACTION, answer_detail.get("records", ()), answer_detail.get("decisions", {}), effect.step, of=step_number
        )
        if load_questions(unit, [key]):
            unit.task_work.put(claim_work(unit.task_work.get([key])[key], viewer))
        else:
            unit.task_work.close_gone([key], clock.iso(clock.now()))
    disclose(index, viewer, Action.DECIDE, record_ids, fields_of(effect))
    return AnswerResult(effect, effect.step, key)


def _load_unchanged_question(unit: ReadUnit, index: Index, key: str, if_match: str | Collection[str] | None) -> OpenQuestion:
    """The question, if nobody else has it and it is as its reader read it."""
    question = require_question(unit, key)
    if question.work is not None:
        _require_unclaimed(unit, question.work)
    require_unchanged(unit, index, question, (if_match,) if isinstance(if_match, str) else if_match)
    return question


def _require_unclaimed(unit: ReadUnit, work: Work) -> None:
    now = clock.iso(clock.now())
    is_claimed_by_other = work.claimed_by is not None and work.claimed_by != unit.viewer.client
    if is_claimed_by_other and (work.lease_until or "") > now:
        raise make_claimed_error(unit, work)


def _resolve_verdicts(
    unit: ReadUnit, question: OpenQuestion, verdicts: Sequence[PairVerdict]
) -> list[tuple[int, int, VerdictKind]]:
    numbers_by_record = {label: record for record, label in visible(unit, question.records).items()}
    numbered_verdicts = []
    for number, verdict in enumerate(verdicts, 1):
        if verdict.left not in numbers_by_record or verdict.right not in numbers_by_record:
            raise InputError(f"verdicts: pair {number} names a record that is not of this question")
        numbered_verdicts.append((numbers_by_record[verdict.left], numbers_by_record[verdict.right], parse_verdict_kind(verdict.kind)))
    return numbered_verdicts


def _find_answered_claims(question: OpenQuestion, verdicts: Sequence[tuple[int, int, VerdictKind]]) -> list[int]:
    """Claims about pairs that are decided: nobody needs to look at them any more."""
    decided_pairs = {
        frozenset((lo, hi)) for lo, hi, kind in verdicts if kind in {VerdictKind.SAME, VerdictKind.DIFFERENT}
    }
    return sorted(
        task.decision_id
        for task in question.asked
        if task.kind == CLAIM and task.decision_id is not None and task.ends in decided_pairs
    )


def _build_statements(
    grouped: GroupedVerdicts, reason: str, note: str | None, recheck_on: str | None, supersedes: Collection[int]
) -> list[Statement]:
    groups: list[tuple[DecisionKind, Groups]] = [(DecisionKind.SAME, (group,)) for group in grouped.same]
    groups += [(DecisionKind.DIFFERENT, group_pair) for group_pair in grouped.different]
    statements = [Statement(kind, well_formed(kind, record_groups), reason, "decision") for kind, record_groups in groups]
    statements += [
        Statement(DecisionKind.UNSURE, (pair,), reason, "decision", recheck_on=recheck_on)
        for pair in grouped.unsure
    ]
    # The note belongs to the answer; it is kept once. So is what it supersedes.
    return [replace(statement, note=note, supersedes=supersedes) if position == 0 else statement for position, statement in enumerate(statements)]


def _apply_statements(
    unit: WriteUnit,
    index: Index,
    question: OpenQuestion,
    statements: Sequence[Statement],
    claims: Sequence[int],
    reason: str,
    *,
    preview: bool,
) -> tuple[Effect, frozenset[int]]:
    if not statements:
        return Effect("ask", preview, None, (), (), (), ()), frozenset(question.records)
    new_step = PlannedStep(
        "decision",
        reason,
        statements,
        {"groups": [statement.groups for statement in statements], "question": question.key},
        NO_ID_CHOICE,
        compute_question_etag(unit, index, question),
    )
    revoke(unit, list(unit.decisions.get(claims).values()))
    return apply_step(unit, index, new_step, preview=preview)


def _apply_response(  # noqa: PLR0913 - what is answered, to what, and how
    unit: WriteUnit,
    index: Index,
    question: OpenQuestion,
    decision: StoredDecision,
    response: str,
    reason: str,
    note: str | None,
    *,
    preview: bool,
) -> tuple[Effect, frozenset[int], list[int]]:
    """What a response did, the records that this shows, and the claims that it took back."""
    decision_step = None if decision.step_id is None else unit.steps.get(decision.step_id)
    awaited_step = next((approval.step_id for approval in unit.awaited.of([decision.id])), None)
    if response == APPROVE and awaited_step is not None:
        return (*approve_step(unit, index, awaited_step, preview=preview), [])
    if response == REVOKE and question.first.kind == APPROVAL and awaited_step is not None:
        return (*undo_any_step(unit, index, awaited_step, reason, preview=preview), [])
    if response == REVOKE:
        return (*undo_decisions(unit, index, [decision], decision_step, reason, preview=preview), [])
    claims = [decision.id] if decision.status is DecisionStatus.REVIEW else []
    confirmation = Statement(
        decision.kind,
        decision.groups,
        reason,
        "decision",
        note=note,
        supersedes=() if claims else (decision.id,),
    )
    return (*_apply_statements(unit, index, question, [confirmation], claims, reason, preview=preview), claims)


def _ask_owners(
    unit: WriteUnit, question: OpenQuestion, remaining: Mapping[str, str], pairs: Collection[tuple[int, int]]
) -> list[int]:
    """Ask the owners of both records of each pair; returns the numbers of what is asked."""
    owner_question_ids: list[int] = []
    asked_records: set[int] = set()
    for pair in pairs:
        key = next((remaining[task.key] for task in question.tasks if task.ends == frozenset(pair) and task.key in remaining), question.key)
        owner_question_ids += [add_owner_question(unit, key, record, CONFIRM_RECORD) for record in pair if record not in asked_records]
        asked_records |= set(pair)
    return owner_question_ids


def _find_answer(unit: ReadUnit, key: str, step_number: int) -> Act:
    answers = [act for act in unit.task_work.acts(key) if act.action == ANSWER_ACTION and act.step == step_number]
    records: set[int] = {record for act in answers for record in act.detail.get("records", ())}
    if not answers or visible(unit, records).keys() != records:
        raise NotFoundError(f"the question was not answered by a step {step_number}")
    return answers[-1]


def _repeat_result(index: Index, viewer: Viewer, effect: Effect, key: str) -> AnswerResult:
    """What a call that is made again is answered."""
    return AnswerResult(effect, effect.step, _find_next_key(index, viewer, key))


def _find_next_key(index: Index, viewer: Viewer, key: str) -> str | None:
    with index.database.read(viewer) as unit:
        return find_next_key(unit, key)
