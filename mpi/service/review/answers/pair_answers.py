"""Answers by verdicts on the record pairs of a question."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note, step_transaction
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, require_decision
from mpi.service.gates.own_reports import require_not_own_report
from mpi.service.persons.step_effects import FIELDS, effect_fields
from mpi.service.resolution.review_tasks import CLAIM
from mpi.service.review.answers.answer_outcome import close_question, find_remaining_questions, record_answer
from mpi.service.review.answers.answer_step import (
    AnswerResult,
    apply_drafts,
    find_next_question,
    load_unchanged_question,
    repeat_result,
)
from mpi.service.review.answers.verdicts import (
    GroupedVerdicts,
    VerdictKind,
    check_answer_reason,
    group_verdicts,
    parse_verdict_kind,
)
from mpi.service.review.due_dates import parse_future_day
from mpi.service.review.open_questions import OpenQuestion
from mpi.service.review.owner_questions import CONFIRM_RECORD, add_owner_question
from mpi.service.review.work_state import permit_live_work
from mpi.service.sampling.blind_review import sample_second_review
from mpi.service.stewardship.decisions import effect_from_answer, require_well_formed
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


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
        reason: a code of ``mpi.service.review.answers.verdicts.ANSWER_REASONS``.
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
            return repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        question = load_unchanged_question(unit, index, key, if_match)
        numbered_verdicts = _resolve_verdicts(unit, question, verdicts)
        grouped = group_verdicts(numbered_verdicts)
        claims = _find_answered_claims(unit, question, numbered_verdicts)
        drafts = _build_drafts(grouped, code, clean_note, recheck_day, supersedes)
        # First, because a second review stores how the index decided each pair before this answer.
        sample_second_review(
            unit, index, viewer.client, [(lo, hi, kind.value) for lo, hi, kind in numbered_verdicts]
        )
        close_question(unit, question)
        effect, record_ids = apply_drafts(unit, index, question, drafts, claims, code, preview=preview)
        remaining = find_remaining_questions(unit, question)
        owner_question_ids = _ask_owners(unit, question, remaining, grouped.ask)
        record_answer(
            unit,
            question,
            effect,
            remaining.values(),
            clean_note,
            verdicts=[[lo, hi, kind.value] for lo, hi, kind in numbered_verdicts],
            reason=code,
            claims=claims,
            asked=owner_question_ids,
            rest=sorted(set(remaining.values()) - {question.key}),
        )
    disclose(index, viewer, Action.DECIDE, record_ids, effect_fields(effect))
    return AnswerResult(effect, effect.step, find_next_question(index, viewer, question.key))


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
