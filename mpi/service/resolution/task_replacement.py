"""Replace stored review tasks, and close or reopen the questions they form."""

from collections.abc import Collection

from mpi.domain import clock
from mpi.service.resolution.work_log_visibility import select_known_scope
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import WriteUnit

INDEX_ACTOR = "(index)"
"""Actor of automatic changes to questions; no account has this name."""
CLOSED, REOPENED = "closed", "reopened"


def replace_tasks(unit: WriteUnit, before: Collection[Task], after: Collection[Task]) -> None:
    """Replace stored review tasks and log questions that close or reopen.

    Inquiries to record owners about a closed question are withdrawn. A question that returns keeps its
    history.
    """
    questions_before, questions_now = unit.tasks.replace(before, after, unit.commit_no)
    moment = clock.format_timestamp(clock.now())
    # Rows first, counters last: claiming a question on PostgreSQL locks in the same order.
    closed = unit.task_work.close_without_tasks(questions_before - questions_now, moment)
    unit.owner_questions.withdraw_all_of_questions(closed)
    reopened = unit.task_work.reopen(questions_now - questions_before)
    changes = [*((key, CLOSED) for key in closed), *((key, REOPENED) for key in reopened)]
    if changes:
        first_number = unit.counters.take("task_action", len(changes))
        works_by_key = unit.task_work.get({key for key, _ in changes})
        for number, (key, action) in enumerate(changes, first_number):
            unit.task_work.add_action(
                QuestionAction(
                    id=number,
                    question=key,
                    at=moment,
                    actor=INDEX_ACTOR,
                    action=action,
                    detail=select_known_scope(works_by_key[key].about),
                )
            )
