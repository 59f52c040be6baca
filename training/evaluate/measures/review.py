"""Clerical review: number of tasks and the missed links that they hold."""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from mpi.clustering.component import Pair
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.pair_errors import find_missed_links, is_same_person
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import ModelPartition, ScoredRecords

TASKS_PER_HOUR = 25
"""Tasks that a steward decides in an hour (the project's assumption)."""
ARRIVAL_STEP = 50


@dataclass(frozen=True, slots=True)
class ReviewLoad:
    """Clerical-review tasks of a first load.

    Args:
        tasks: number of tasks.
        hours: hours of a steward's work.
        of_records: tasks per record.
        same: share of tasks whose two records are one person.
        missed: number of true pairs that are not linked.
        held: share of those that are linked once every task is answered correctly.
    """

    tasks: int
    hours: float
    of_records: IntervalEstimate
    same: IntervalEstimate
    missed: int
    held: IntervalEstimate


def measure_review(partition: ModelPartition, truth: Groups) -> ReviewLoad:
    """Measure the clerical-review tasks of a partition against the truth."""
    tasks, records = partition.tasks, len(partition.clusters)
    right_tasks = [pair for pair in tasks if is_same_person(truth, pair)]
    missed = find_missed_links(partition.clusters, truth)
    answered = nx.Graph()
    answered.add_edges_from(
        (partition.clusters[left], partition.clusters[right_]) for left, right_ in right_tasks
    )
    component_of_cluster = {
        node: n for n, part in enumerate(nx.connected_components(answered)) for node in part
    }
    held_count = sum(_come_together(partition.clusters, component_of_cluster, pair) for pair in missed)
    return ReviewLoad(
        tasks=len(tasks),
        hours=len(tasks) / TASKS_PER_HOUR,
        of_records=estimate_share(len(tasks), max(records, len(tasks))),
        same=estimate_share(len(right_tasks), len(tasks)),
        missed=len(missed),
        held=estimate_share(held_count, len(missed), default=1.0),
    )


def measure_arrival_review(scored: ScoredRecords, partition: ModelPartition) -> IntervalEstimate:
    """Measure review tasks per record of a load of new records only.

    No other load needs as much review. Every n-th record counts as the last to arrive; its tasks are
    those that name it.
    """
    new_records = {number for number in scored.records if number % ARRIVAL_STEP == 0}
    tasks = sum(left in new_records or right in new_records for left, right in partition.tasks)
    return estimate_share(tasks, max(len(new_records), tasks))


def _come_together(clusters: Groups, component_of_cluster: Mapping[object, int], pair: Pair) -> bool:
    """Return whether correct answers to review tasks join a pair's clusters."""
    left, right = (component_of_cluster.get(clusters[number]) for number in pair)
    return left is not None and left == right
