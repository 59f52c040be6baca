"""Question, step and result that all kinds of answers share."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.decisions.decision_log import DecisionDraft, revoke_decisions
from mpi.service.persons.step_effects import StepEffect
from mpi.service.resolution.id_choice import NO_ID_CHOICE
from mpi.service.review.open_questions import OpenQuestion, require_question
from mpi.service.review.question_etags import compute_question_etag, require_unchanged
from mpi.service.review.queue_search import find_next_key
from mpi.service.review.work_state import make_claimed_error
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.storage.repositories.review.task_work import QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


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


def load_unchanged_question(
    unit: ReadUnit, index: Index, key: str, if_match: str | Collection[str] | None
) -> OpenQuestion:
    """Load a review question; refuse one claimed by others or changed meanwhile."""
    question = require_question(unit, key)
    if question.work is not None:
        require_unclaimed(unit, question.work)
    require_unchanged(unit, index, question, (if_match,) if isinstance(if_match, str) else if_match)
    return question


def require_unclaimed(unit: ReadUnit, work: QuestionWork) -> None:
    """Refuse a review question that somebody else has claimed."""
    now = clock.format_timestamp(clock.now())
    is_claimed_by_other = work.claimed_by is not None and work.claimed_by != unit.viewer.client
    if is_claimed_by_other and (work.lease_until or "") > now:
        raise make_claimed_error(unit, work)


def apply_drafts(
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


def repeat_result(index: Index, viewer: Viewer, effect: StepEffect, key: str) -> AnswerResult:
    """Build the result of an answer that an identical earlier call applied."""
    return AnswerResult(effect, effect.step, find_next_question(index, viewer, key))


def find_next_question(index: Index, viewer: Viewer, key: str) -> str | None:
    """Return the key of the next open review question for the viewer."""
    with index.database.read(viewer) as unit:
        return find_next_key(unit, key)
