"""Closing: a question whose tasks went is closed by itself, and opens with its history when they return."""

from collections.abc import Collection

from mpi.domain import clock
from mpi.service.resolution.task_visibility import select_known_scope
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.unit import WriteUnit

INDEX_ACTOR = "(index)"
"""Who does what nobody did; no client or account can have this name."""
CLOSED, REOPENED = "closed", "reopened"


def replace_tasks(unit: WriteUnit, before: Collection[Task], after: Collection[Task]) -> None:
    """Put tasks in the place of others, and note what became of the questions that people worked on.

    What was asked of the owners of records about a question that is closed is asked no more.
    """
    was, now = unit.tasks.replace(before, after, unit.commit_no)
    moment = clock.format_timestamp(clock.now())
    # The rows first and their numbers last: who claims a question on PostgreSQL locks in this order too.
    closed = unit.task_work.close_without_tasks(was - now, moment)
    unit.owner_questions.withdraw_all_of_questions(closed)
    reopened = unit.task_work.reopen(now - was)
    acts = [*((key, CLOSED) for key in closed), *((key, REOPENED) for key in reopened)]
    if acts:
        first = unit.counters.take("task_action", len(acts))
        works = unit.task_work.get({key for key, _ in acts})
        for number, (key, action) in enumerate(acts, first):
            unit.task_work.add_action(QuestionAction(number, key, moment, INDEX_ACTOR, action, select_known_scope(works[key].about)))
