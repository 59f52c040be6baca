"""School records found for children in care."""

from dataclasses import dataclass

from mpi.clustering.component import Pair
from training.evaluate.datasets.dataset import CareRecords
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import group_by_cluster


@dataclass(frozen=True, slots=True)
class SchoolsFound:
    """Links from children in care to school records.

    Args:
        children: children in care who have a school record.
        found: share of them with a school record linked to one of their records.
        links: pairs of a record of a child in care and a school record that share a person.
        false: number of those pairs that are of two children.
        precision: share of the links that are right.
    """

    children: int
    found: IntervalEstimate
    links: int
    false: int
    precision: IntervalEstimate


def find_schools(clusters: Groups, truth: Groups, care: CareRecords) -> SchoolsFound:
    """Count the right and wrong school links of children in care."""
    with_school = {truth[number] for number in care.schools}
    children = {truth[number] for number in care.records} & with_school
    links = [
        (left, right_links)
        for members in group_by_cluster(clusters).values()
        for left in members
        if left in care.records
        for right_links in members
        if right_links in care.schools
    ]
    right_links = [pair for pair in links if _is_same_child(truth, pair)]
    found_children = {truth[number] for number, _ in right_links}
    return SchoolsFound(
        children=len(children),
        found=estimate_share(len(found_children), len(children)),
        links=len(links),
        false=len(links) - len(right_links),
        precision=estimate_share(len(right_links), len(links), default=1.0),
    )


def _is_same_child(truth: Groups, pair: Pair) -> bool:
    """Return whether both records are of one child."""
    return truth[pair[0]] == truth[pair[1]]
