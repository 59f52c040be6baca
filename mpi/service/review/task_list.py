"""Flat list of open review tasks for API clients.

Pages show whole questions (``mpi.service.review.queue``); programs read one row a task.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    find_decisions_of_tasks,
    summarize_questions,
)
from mpi.service.review.queue import FIELDS
from mpi.service.review.queue_search import iterate_asked_questions
from mpi.service.review.visible_weights import load_visible_weights
from mpi.storage.unit_of_work.units import ReadUnit

MAX_TASKS = 1000
"""Most review tasks that one call returns."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """One open review task: a candidate pair or a decision to check.

    Args:
        key: the task's stable key; the same task has the same key whenever it is opened again.
        kind: ``pair``, ``conflict``, ``recheck``, ``claim``, ``approval``, ``multiple`` or ``overlay``.
        reason: why the index does not decide the task automatically.
        match_weight: match weight of the pair in bits, without contact details withheld from the viewer;
            0 for a task about a decision.
        records: the one or two records in the task.
        decisions: numbers of the decisions in the task; for a conflict, the whole chain.
        question: key of the question that shows the task.
        state: state of that question: ``open``, ``claimed``, ``asleep`` or ``waiting``.
        claimed_by: who has claimed the question.
        lease_until: when the claim expires (ISO, UTC).
        assigned_to: the account or client that the question is assigned to.
        due_on: the day by which an answer is due, ``YYYY-MM-DD``.
        opened_at: when the oldest task of the question was opened (ISO, UTC).
    """

    key: str
    kind: str
    reason: str
    match_weight: float
    records: tuple[RecordRef, ...]
    decisions: tuple[int, ...] = ()
    question: str = ""
    state: str = "open"
    claimed_by: str | None = None
    lease_until: str | None = None
    assigned_to: str | None = None
    due_on: str | None = None
    opened_at: str | None = None


def list_review_tasks(index: Index, viewer: Viewer, limit: int = 100) -> list[TaskView]:
    """List open review tasks, most urgent question first.

    The tasks of a burst are listed one by one. No task about a record or decision that is hidden from the
    viewer is listed.

    Args:
        index: the open index.
        viewer: who asks.
        limit: number of tasks at most; no more than ``MAX_TASKS``.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    max_tasks = min(limit, MAX_TASKS)
    views: list[TaskView] = []
    record_ids: set[int] = set()
    with index.database.read(viewer) as unit:
        questions: list[OpenQuestion] = []
        for question in iterate_asked_questions(unit):
            questions.append(question)
            if sum(len(question.asked_tasks) for question in questions) >= max_tasks:
                break
        weights = load_visible_weights(
            unit, index, (task for question in questions for task in question.asked_tasks)
        )
        for question, summary in zip(questions, summarize_questions(unit, index, questions), strict=True):
            question_views = _build_task_views(unit, question, summary, weights)[: max_tasks - len(views)]
            views += question_views
            record_ids |= {
                record_id
                for task in question.asked_tasks[: len(question_views)]
                for record_id in (task.lo, task.hi)
            }
    disclose(index, viewer, Action.TASK_READ, record_ids, FIELDS)
    return views


def _build_task_views(
    unit: ReadUnit, question: OpenQuestion, summary: QuestionSummary, weights: Mapping[str, float]
) -> list[TaskView]:
    """Build one view for each open task of a review question."""
    labels = unit.records.labels(question.records)
    decisions = find_decisions_of_tasks(unit, question.asked_tasks)
    return [
        TaskView(
            key=task.key,
            kind=task.kind,
            reason=task.reason,
            match_weight=weights[task.key],
            records=tuple(labels[record_id] for record_id in sorted({task.lo, task.hi})),
            decisions=decisions[task.key] or (),
            question=summary.key,
            state=summary.state,
            claimed_by=summary.claimed_by,
            lease_until=summary.lease_until,
            assigned_to=summary.assigned_to,
            due_on=summary.due_on,
            opened_at=summary.opened_at,
        )
        for task in question.asked_tasks
    ]
