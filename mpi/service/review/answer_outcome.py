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


def close_question(unit: WriteUnit, one: OpenQuestion) -> None:
    """Close the question before its tasks go, so that it is not taken to have closed by itself."""
    work = one.work or Work(one.key, OPEN, find_opening_time(unit, one))
    unit.task_work.put(replace(mark_closed(work), about=one.about()))


def mark_closed(work: Work) -> Work:
    """The work, answered and nobody's."""
    now = clock.iso(clock.now())
    free = replace(work, claimed_by=None, lease_until=None, asleep_until=None)
    return replace(free, state=CLOSED, closed_at=now, closed_because=ANSWERED)


def find_remaining_questions(unit: ReadUnit, one: OpenQuestion) -> dict[str, str]:
    """By task of a question that is still there: the question that it is shown in now.

    What is left of a grid may be a star, and bear the name of another of its records.
    """
    return unit.queue.questions_of([task.key for task in one.tasks])


def save_outcome(unit: WriteUnit, one: OpenQuestion, effect: Effect, rest: Collection[str]) -> None:
    """Where the question stands once its answer took effect: closed, unless some of it is still asked."""
    if one.key not in rest:
        _reopen_if_visible_to_others(unit, one)
    for key, left in load_questions(unit, set(rest)).items():
        if left.claimed_by not in {None, unit.viewer.client}:
            # What is left joined a question that somebody else has.
            continue
        if key != one.key:
            record_action(unit, key, "claim", left.records, left.decisions, rest_of=one.key)
        unit.task_work.put(_compute_remaining_work(unit, left, effect))


def _reopen_if_visible_to_others(unit: WriteUnit, one: OpenQuestion) -> None:
    """Of a question of which the reader sees nothing any more: closed, unless others still see some of it."""
    if not unit.queue.tasks([one.key], None):
        unit.owner_questions.withdraw_of([one.key])
        return
    [work] = unit.task_work.get([one.key]).values()
    unit.task_work.put(replace(work, state=OPEN, closed_at=None, closed_because=None))


def _compute_remaining_work(unit: WriteUnit, left: OpenQuestion, effect: Effect) -> Work:
    """Where what is left of a question stands: with whoever answered, or until an answer comes."""
    before = left.work or Work(left.key, OPEN, find_opening_time(unit, left))
    awake = replace(before, state=OPEN, closed_at=None, closed_because=None, asleep_until=None)
    work = replace(awake, claimed_by=None, lease_until=None, about=left.about())
    if effect.awaiting or effect.held_until is not None:
        day = effect.held_until or (clock.now() + APPROVAL_WAIT).date().isoformat()
        return replace(work, state=WAITING, asleep_until=day)
    days = [each.due_on for each in unit.owner_questions.of_questions([left.key]) if each.state == UNANSWERED]
    if days:
        return replace(work, state=WAITING, asleep_until=max(days))
    return claim_work(work, unit.viewer) if left.asked else work
