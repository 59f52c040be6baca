"""Match weights of review tasks, as a viewer may know them."""

from collections.abc import Iterable

from mpi.domain.weight import round_weight
from mpi.service.core.index import Index
from mpi.service.core.visible_features import find_partial_records, load_visible_features
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import ReadUnit


def load_visible_weights(unit: ReadUnit, index: Index, tasks: Iterable[Task]) -> dict[str, float]:
    """Return task weights in bits, as the viewer may compare them.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        tasks: tasks of any kind; one that is not about two compared records keeps its weight.

    Returns:
        Weights by key of the task.
    """
    task_list = list(tasks)
    weights = {task.key: task.bits for task in task_list}
    pair_tasks = [task for task in task_list if task.lo != task.hi and task.decision_id is None]
    partial = find_partial_records(unit, {end for task in pair_tasks for end in task.ends})
    affected_tasks = [task for task in pair_tasks if not partial.isdisjoint(task.ends)]
    if not affected_tasks:
        return weights
    ends = {end for task in affected_tasks for end in task.ends}
    features = load_visible_features(unit, index, ends).by_record
    for task in affected_tasks:
        is_compared = task.ends <= features.keys()
        weights[task.key] = (
            round_weight(index.matcher.scorer.weigh(features[task.lo], features[task.hi]))
            if is_compared
            else 0.0
        )
    return weights
