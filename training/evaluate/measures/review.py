"""Clerical review: how much of it there is, and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from mpi.clustering.component import Pair
from training.evaluate.measures.intervals import Figure, share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import missed_links, same_person
from training.evaluate.model_clusters import Persons, Weighed

TASKS_AN_HOUR = 25
"""What a steward decides in an hour (the project's assumption)."""
DELTA_ONE_IN = 50


@dataclass(frozen=True, slots=True)
class Review:
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
    of_records: Figure
    same: Figure
    missed: int
    held: Figure


def review(found: Persons, truth: Groups) -> Review:
    """Judge the tasks of a partition."""
    tasks, records = found.tasks, len(found.clusters)
    right = [pair for pair in tasks if same_person(truth, pair)]
    missed = missed_links(found.clusters, truth)
    answered = nx.Graph()
    answered.add_edges_from((found.clusters[left], found.clusters[right_]) for left, right_ in right)
    home = {node: n for n, part in enumerate(nx.connected_components(answered)) for node in part}
    held = sum(_together(found.clusters, home, pair) for pair in missed)
    return Review(
        tasks=len(tasks),
        hours=len(tasks) / TASKS_AN_HOUR,
        of_records=share(len(tasks), max(records, len(tasks))),
        same=share(len(right), len(tasks)),
        missed=len(missed),
        held=share(held, len(missed), if_none=1.0),
    )


def arriving(weighed: Weighed, found: Persons) -> Figure:
    """Tasks a record of a delta that holds only records never seen before: the hardest night there is.

    Every so many-th record is taken to arrive last; its tasks are those that name it.
    """
    late = {number for number in weighed.records if number % DELTA_ONE_IN == 0}
    tasks = sum(left in late or right in late for left, right in found.tasks)
    return share(tasks, max(len(late), tasks))


def _together(clusters: Groups, home: Mapping[object, int], pair: Pair) -> bool:
    left, right = (home.get(clusters[number]) for number in pair)
    return left is not None and left == right
