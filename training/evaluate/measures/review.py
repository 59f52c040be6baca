"""Clerical review: how much of it there is, and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from mpi.clustering.component import Pair
from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import find_missed_links, is_same_person
from training.evaluate.model_clusters import ModelPartition, ScoredRecords

TASKS_PER_HOUR = 25
"""What a steward decides in an hour (the project's assumption)."""
ARRIVAL_STEP = 50


@dataclass(frozen=True, slots=True)
class ReviewLoad:
    """The review tasks of a first load.

    Args:
        tasks: how many.
        hours: of a steward's work.
        of_records: tasks a record.
        same: share of tasks whose two records are one person.
        missed: true pairs that are not linked.
        held: share of those that come together once every task is answered rightly.
    """

    tasks: int
    hours: float
    of_records: Estimate
    same: Estimate
    missed: int
    held: Estimate


def measure_review(found: ModelPartition, truth: Groups) -> ReviewLoad:
    """Judge the tasks of a partition."""
    tasks, records = found.tasks, len(found.clusters)
    right = [pair for pair in tasks if is_same_person(truth, pair)]
    missed = find_missed_links(found.clusters, truth)
    answered = nx.Graph()
    answered.add_edges_from((found.clusters[left], found.clusters[right_]) for left, right_ in right)
    home = {node: n for n, part in enumerate(nx.connected_components(answered)) for node in part}
    held = sum(_come_together(found.clusters, home, pair) for pair in missed)
    return ReviewLoad(
        tasks=len(tasks),
        hours=len(tasks) / TASKS_PER_HOUR,
        of_records=estimate_share(len(tasks), max(records, len(tasks))),
        same=estimate_share(len(right), len(tasks)),
        missed=len(missed),
        held=estimate_share(held, len(missed), default=1.0),
    )


def measure_arrival_review(weighed: ScoredRecords, found: ModelPartition) -> Estimate:
    """Tasks a record of a delta that holds only records never seen before: the hardest night there is.

    Every so many-th record is taken to arrive last; its tasks are those that name it.
    """
    late = {number for number in weighed.records if number % ARRIVAL_STEP == 0}
    tasks = sum(left in late or right in late for left, right in found.tasks)
    return estimate_share(tasks, max(len(late), tasks))


def _come_together(clusters: Groups, home: Mapping[object, int], pair: Pair) -> bool:
    left, right = (home.get(clusters[number]) for number in pair)
    return left is not None and left == right
