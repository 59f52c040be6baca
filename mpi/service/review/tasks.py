"""Review tasks: what waits for a steward, one row a task, as programs read it."""

from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.review.open_questions import OpenQuestion, QuestionSummary, find_task_decisions, summarize_questions
from mpi.service.review.queue import FIELDS
from mpi.service.review.queue_reader import iterate_asked_questions
from mpi.storage.unit_of_work.unit import ReadUnit

MAX_TASKS = 1000


@dataclass(frozen=True, slots=True)
class TaskView:
    """A question for a steward: are these two records one person, or does this decision still hold?

    Args:
        key: names the task; the same question has the same key whenever it is asked again.
        kind: ``pair``, ``conflict``, ``recheck``, ``claim``, ``approval``, ``multiple`` or ``overlay``.
        reason: why the index does not answer it by itself.
        match_weight: of the pair, in bits; 0 where the question is about a decision.
        records: two records that it is about, or one.
        decisions: the decisions that it is about; of a conflict, the chain.
        question: names what it is shown with.
        state: where that stands: ``open``, ``claimed``, ``asleep`` or ``waiting``.
        claimed_by: who has it.
        lease_until: when that ends by itself.
        assigned_to: whose it is to do.
        due_on: the day by which it is to be answered.
        opened_at: when it was first asked.
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
    """Tasks that are asked today, question by question, the most harmful first; bursts are not put together.

    None is about a record or decision that the viewer may not see.

    Args:
        index: the open index.
        viewer: who asks.
        limit: how many, up to ``MAX_TASKS``.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    permit(viewer, Action.TASK_READ)
    max_tasks = min(limit, MAX_TASKS)
    shown: list[TaskView] = []
    record_ids: set[int] = set()
    with index.database.read(viewer) as unit:
        questions: list[OpenQuestion] = []
        for question in iterate_asked_questions(unit):
            questions.append(question)
            if sum(len(question.asked) for question in questions) >= max_tasks:
                break
        for question, summary in zip(questions, summarize_questions(unit, questions), strict=True):
            question_views = _build_task_views(unit, question, summary)[: max_tasks - len(shown)]
            shown += question_views
            record_ids |= {record_id for task in question.asked[: len(question_views)] for record_id in (task.lo, task.hi)}
    disclose(index, viewer, Action.TASK_READ, record_ids, FIELDS)
    return shown


def _build_task_views(unit: ReadUnit, question: OpenQuestion, summary: QuestionSummary) -> list[TaskView]:
    labels = unit.records.labels(question.records)
    return [
        TaskView(
            task.key,
            task.kind,
            task.reason,
            task.bits,
            tuple(labels[record_id] for record_id in sorted({task.lo, task.hi})),
            find_task_decisions(unit, task) or (),
            summary.key,
            summary.state,
            summary.claimed_by,
            summary.lease_until,
            summary.assigned_to,
            summary.due_on,
            summary.opened_at,
        )
        for task in question.asked
    ]
