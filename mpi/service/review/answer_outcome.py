"""After an answer: where its question stands, and what is left of it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from mpi.domain import clock
from mpi.service.persons.effects import Effect
from mpi.service.review.assignments import record_action, claim_work
from mpi.service.review.open_questions import OpenQuestion, find_opening_time, load_questions
from mpi.storage.repositories.review.owner_questions import OPEN as UNANSWERED
from mpi.storage.repositories.review.task_work import ANSWERED, CLOSED, OPEN, WAITING, Work
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

APPROVAL_WAIT = timedelta(days=7)
"""How long a question waits whose answer needs a second approver, before it is asked again."""


def close_question(unit: WriteUnit, question: OpenQuestion) -> None:
    """Close the question before its tasks go, so that it is not taken to have closed by itself."""
    work = question.work or Work(question.key, OPEN, find_opening_time(unit, question))
    unit.task_work.put(replace(mark_closed(work), about=question.about()))


def mark_closed(work: Work) -> Work:
    """The work, answered and nobody's."""
    now = clock.iso(clock.now())
    unclaimed = replace(work, claimed_by=None, lease_until=None, asleep_until=None)
    return replace(unclaimed, state=CLOSED, closed_at=now, closed_because=ANSWERED)


def find_remaining_questions(unit: ReadUnit, question: OpenQuestion) -> dict[str, str]:
    """By task of a question that is still there: the question that it is shown in now.

    What is left of a grid may be a star, and bear the name of another of its records.
    """
    return unit.queue.questions_of([task.key for task in question.tasks])


def save_outcome(unit: WriteUnit, question: OpenQuestion, effect: Effect, remaining_keys: Collection[str]) -> None:
    """Where the question stands once its answer took effect: closed, unless some of it is still asked."""
    if question.key not in remaining_keys:
        _reopen_if_visible_to_others(unit, question)
    for key, remaining_question in load_questions(unit, set(remaining_keys)).items():
        if remaining_question.claimed_by not in {None, unit.viewer.client}:
            # What is left joined a question that somebody else has.
            continue
        if key != question.key:
            record_action(unit, key, "claim", remaining_question.records, remaining_question.decisions, rest_of=question.key)
        unit.task_work.put(_compute_remaining_work(unit, remaining_question, effect))


def _reopen_if_visible_to_others(unit: WriteUnit, question: OpenQuestion) -> None:
    """Of a question of which the reader sees nothing any more: closed, unless others still see some of it."""
    if not unit.queue.tasks([question.key], None):
        unit.owner_questions.withdraw_of([question.key])
        return
    [work] = unit.task_work.get([question.key]).values()
    unit.task_work.put(replace(work, state=OPEN, closed_at=None, closed_because=None))


def _compute_remaining_work(unit: WriteUnit, question: OpenQuestion, effect: Effect) -> Work:
    """Where what is left of a question stands: with whoever answered, or until an answer comes."""
    previous_work = question.work or Work(question.key, OPEN, find_opening_time(unit, question))
    reopened = replace(previous_work, state=OPEN, closed_at=None, closed_because=None, asleep_until=None)
    work = replace(reopened, claimed_by=None, lease_until=None, about=question.about())
    if effect.awaiting or effect.held_until is not None:
        day = effect.held_until or (clock.now() + APPROVAL_WAIT).date().isoformat()
        return replace(work, state=WAITING, asleep_until=day)
    due_days = [owner_question.due_on for owner_question in unit.owner_questions.of_questions([question.key]) if owner_question.state == UNANSWERED]
    if due_days:
        return replace(work, state=WAITING, asleep_until=max(due_days))
    return claim_work(work, unit.viewer) if question.asked else work
