"""Review tasks: what waits for a steward."""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.disclosure import disclose
from mpi.storage.repositories.records import Label

MOST_TASKS = 1000
FIELDS = ("source", "local_id", "match_weight", "reason")


@dataclass(frozen=True, slots=True)
class TaskView:
    """A question for a steward: are these two records one person?

    Args:
        key: names the task; the same question has the same key whenever it is asked again.
        kind: what is asked.
        reason: why the index does not answer it by itself.
        match_weight: of the pair, in bits.
        records: the two records.
    """

    key: str
    kind: str
    reason: str
    match_weight: float
    records: tuple[Label, Label]


def review_tasks(index: Index, viewer: Viewer, limit: int = 100) -> list[TaskView]:
    """Open tasks, heaviest first; none about a record that the viewer may not see.

    Args:
        index: the open index.
        viewer: who asks.
        limit: how many, up to ``MOST_TASKS``.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    permit(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        tasks = unit.tasks.all()
        labels = {
            number: label
            for number, label in unit.records.labels({end for t in tasks for end in (t.lo, t.hi)}).items()
            if viewer.may_see(label.source)
        }
    shown = [t for t in tasks if t.lo in labels and t.hi in labels][: min(limit, MOST_TASKS)]
    disclose(index, viewer, Action.TASK_READ, {end for t in shown for end in (t.lo, t.hi)}, FIELDS)
    return [TaskView(t.key, t.kind, t.reason, t.bits, (labels[t.lo], labels[t.hi])) for t in shown]
