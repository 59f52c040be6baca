"""The undo of a whole answer, which reopens its question."""

from dataclasses import replace

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_reason, step_transaction
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.step_effects import FIELDS, effect_fields
from mpi.service.resolution.resolve import resettle
from mpi.service.review.answers.answer_outcome import ANSWER_ACTION, mark_closed
from mpi.service.review.answers.answer_step import AnswerResult, repeat_result, require_unclaimed
from mpi.service.review.open_questions import load_questions
from mpi.service.review.owner_questions import withdraw_owner_questions
from mpi.service.review.work_state import claim_work, record_action
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.undo import undo_any_step
from mpi.storage.repositories.review.task_work import OPEN, QuestionAction, QuestionWork
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

UNDO_ACTION = "undo"
"""Name of the undo of an answer in a question's history."""


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
            return repeat_result(index, viewer, effect_from_answer(stored_answer, viewer), key)
        answer_action = _find_answer(unit, key, step_number)
        work = unit.task_work.get([key]).get(key) or QuestionWork(key, OPEN, answer_action.at)
        require_unclaimed(unit, work)
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
