"""State of a review question after its answer was applied."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from mpi.domain import clock
from mpi.service.gates.sent_back import ADDRESSEE
from mpi.service.persons.step_effects import StepEffect
from mpi.service.resolution.work_log_visibility import find_escalator
from mpi.service.review.open_questions import OpenQuestion, find_opening_time, load_questions
from mpi.service.review.work_state import claim_work, record_action
from mpi.storage.repositories.review.owner_questions import OPEN as UNANSWERED
from mpi.storage.repositories.review.task_work import ANSWERED, CLOSED, OPEN, WAITING, QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ANSWER_ACTION = "answer"
"""Name of an answer in a question's history."""
ESCALATION_ANSWERED = "escalation-answered"
"""Name in a question's history of an answer to who passed the question on."""
APPROVAL_WAIT = timedelta(days=7)
"""Time that a question waits for a second approver before it reopens."""


def record_answer(
    unit: WriteUnit,
    question: OpenQuestion,
    effect: StepEffect,
    remaining_keys: Collection[str],
    note: str | None,
    **detail: object,
) -> None:
    """Add an answer to the question's history, and store its outcome.

    Args:
        unit: the transaction.
        question: the answered question, as it was before.
        effect: what the answer did.
        remaining_keys: keys of the questions that show the remaining tasks.
        note: free text.
        detail: codes and numbers for the history.
    """
    record_action(
        unit,
        question.key,
        ANSWER_ACTION,
        question.records,
        question.to_snapshot(),
        effect.step,
        note,
        **detail,
    )
    _tell_escalator(unit, question, effect.step)
    _save_outcome(unit, question, effect, remaining_keys)


def close_question(unit: WriteUnit, question: OpenQuestion) -> None:
    """Close a clerical-review question as answered, before its tasks are removed.

    A question whose tasks go first would be recorded as closed without an answer.
    """
    work = question.work or QuestionWork(question.key, OPEN, find_opening_time(unit, question))
    unit.task_work.save(replace(mark_closed(work), about=question.to_snapshot()))


def _tell_escalator(unit: WriteUnit, question: OpenQuestion, step: int | None) -> None:
    """Note in a question's history that an escalation was answered.

    Args:
        unit: the transaction.
        question: the question as it was before the answer.
        step: number of the answer's step.
    """
    escalator = None if question.work is None else find_escalator(unit, question.work)
    if escalator is not None:
        detail = {ADDRESSEE: escalator}
        record_action(
            unit, question.key, ESCALATION_ANSWERED, question.records, question.to_snapshot(), step, **detail
        )


def mark_closed(work: QuestionWork) -> QuestionWork:
    """Return a question's work state as answered, unclaimed and closed."""
    now = clock.format_timestamp(clock.now())
    unclaimed = replace(work, claimed_by=None, lease_until=None, asleep_until=None, escalated_by=None)
    return replace(unclaimed, state=CLOSED, closed_at=now, closed_because=ANSWERED)


def find_remaining_questions(unit: ReadUnit, question: OpenQuestion) -> dict[str, str]:
    """Find under which question each remaining task of an answered question appears.

    What remains of several similar records may be one record with its candidates, and then carries the key of
    another record.

    Returns:
        Question key by task key; a task that is gone has no entry.
    """
    return unit.queue.questions_of([task.key for task in question.tasks])


def _save_outcome(
    unit: WriteUnit, question: OpenQuestion, effect: StepEffect, remaining_keys: Collection[str]
) -> None:
    """Store the work states of an answered review question and what remains.

    Args:
        unit: the transaction.
        question: the answered question.
        effect: what the answer did.
        remaining_keys: keys of the questions that show the remaining tasks.
    """
    if question.key not in remaining_keys:
        _reopen_if_visible_to_others(unit, question)
    for key, remaining_question in load_questions(unit, set(remaining_keys)).items():
        if remaining_question.claimed_by not in {None, unit.viewer.client}:
            # The remaining tasks joined a question that somebody else has claimed.
            continue
        if key != question.key:
            record_action(
                unit,
                key,
                "claim",
                remaining_question.records,
                remaining_question.to_snapshot(),
                rest_of=question.key,
            )
        unit.task_work.save(_compute_remaining_work(unit, remaining_question, effect))


def _reopen_if_visible_to_others(unit: WriteUnit, question: OpenQuestion) -> None:
    """Reopen an answered review question that only other viewers still see.

    If nobody sees any of the question, the questions to its source owners are withdrawn.
    """
    if not unit.queue.tasks_by_question([question.key], None):
        unit.owner_questions.withdraw_all_of_questions([question.key])
        return
    [work] = unit.task_work.get([question.key]).values()
    unit.task_work.save(replace(work, state=OPEN, closed_at=None, closed_because=None))


def _compute_remaining_work(unit: WriteUnit, question: OpenQuestion, effect: StepEffect) -> QuestionWork:
    """Return the work state that remains after a question's answer.

    The question waits for an approver, the end of a freeze or a source owner; otherwise the steward who
    answered holds the claim.
    """
    previous_work = question.work or QuestionWork(question.key, OPEN, find_opening_time(unit, question))
    reopened = replace(previous_work, state=OPEN, closed_at=None, closed_because=None, asleep_until=None)
    work = replace(reopened, claimed_by=None, lease_until=None, about=question.to_snapshot())
    if effect.awaiting or effect.held_until is not None:
        day = effect.held_until or (clock.now() + APPROVAL_WAIT).date().isoformat()
        return replace(work, state=WAITING, asleep_until=day)
    due_days = [
        owner_question.due_on
        for owner_question in unit.owner_questions.all_of_questions([question.key])
        if owner_question.state == UNANSWERED
    ]
    if due_days:
        return replace(work, state=WAITING, asleep_until=max(due_days))
    return claim_work(work, unit.viewer) if question.asked_tasks else work
