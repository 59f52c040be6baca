"""Review tasks: what waits for a steward."""

from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.deciding import conflict, projected
from mpi.service.disclosure import disclose
from mpi.service.questions import CONFLICT
from mpi.storage.repositories.records import Label
from mpi.storage.repositories.tasks import Task
from mpi.storage.unit import ReadUnit

MOST_TASKS = 1000
FIELDS = ("source", "local_id", "match_weight", "reason")


@dataclass(frozen=True, slots=True)
class TaskView:
    """A question for a steward: are these two records one person, or does this decision still hold?

    Args:
        key: names the task; the same question has the same key whenever it is asked again.
        kind: ``pair``, ``conflict``, ``recheck`` or ``claim``.
        reason: why the index does not answer it by itself.
        match_weight: of the pair, in bits; 0 where the question is about a decision.
        records: two records that it is about, or one.
        decisions: the decisions that it is about; of a conflict, the chain.
    """

    key: str
    kind: str
    reason: str
    match_weight: float
    records: tuple[Label, ...]
    decisions: tuple[int, ...] = ()


def review_tasks(index: Index, viewer: Viewer, limit: int = 100) -> list[TaskView]:
    """Open tasks, heaviest first; none about a record or decision that the viewer may not see.

    Args:
        index: the open index.
        viewer: who asks.
        limit: how many, up to ``MOST_TASKS``.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    permit(viewer, Action.TASK_READ)
    wanted = min(limit, MOST_TASKS)
    shown: list[TaskView] = []
    ends: set[int] = set()
    with index.database.read(viewer) as unit:
        tasks = unit.tasks.all(clock.today())
        labels = {
            number: label
            for number, label in unit.records.labels({end for t in tasks for end in (t.lo, t.hi)}).items()
            if viewer.may_see(label.source)
        }
        for task in tasks:
            if len(shown) == wanted:
                break
            if task.lo not in labels or task.hi not in labels:
                continue
            about = _about(unit, task)
            if about is not None:
                records = tuple(labels[end] for end in sorted({task.lo, task.hi}))
                shown.append(TaskView(task.key, task.kind, task.reason, task.bits, records, about))
                ends |= {task.lo, task.hi}
    disclose(index, viewer, Action.TASK_READ, ends, FIELDS)
    return shown


def _about(unit: ReadUnit, task: Task) -> tuple[int, ...] | None:
    """The decisions that a task is about; None where the viewer may not know of what it asks."""
    if task.decision_id is None:
        return ()
    found = unit.decisions.get([task.decision_id]).get(task.decision_id)
    if found is None or projected(unit, found) is None:
        return None
    if task.kind != CONFLICT:
        return (found.id,)
    chain = conflict(unit, found)
    # Without what the viewer may not see there is no conflict, and so no question.
    return None if chain is None else tuple(sorted({*chain, found.id}))
