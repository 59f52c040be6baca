"""Children of one household who were linked as one child."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations

from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import group_by_cluster


@dataclass(frozen=True, slots=True)
class RelativeLinks:
    """Pairs of children of one household, and those wrongly linked as one.

    Args:
        pairs: number of pairs.
        wrong: pairs any of whose records share a cluster.
        twins: wrong pairs of one birth date.
        share: wrong pairs of all pairs.
    """

    pairs: int
    wrong: int
    twins: int
    share: IntervalEstimate


def count_linked_relatives(clusters: Groups, dataset: Dataset) -> RelativeLinks | None:
    """Count children of one household who were wrongly linked as one.

    Returns:
        The counts; None if the set does not tell households.
    """
    if not dataset.households:
        return None
    homes = group_by_cluster(dataset.households)
    pairs = sum(len(members) * (len(members) - 1) // 2 for members in homes.values())
    linked_pairs = find_merged_people(clusters, dataset.truth, dataset.households)
    birth_dates = _collect_birth_dates(dataset)
    twins = sum(bool(birth_dates[left] & birth_dates[right]) for left, right in linked_pairs)
    return RelativeLinks(pairs, len(linked_pairs), twins, estimate_share(len(linked_pairs), pairs))


def find_merged_people(
    clusters: Groups, truth: Mapping[int, Hashable], kin: Mapping[Hashable, Hashable]
) -> set[tuple[Hashable, Hashable]]:
    """Find pairs of related people any of whose records share a cluster.

    Args:
        clusters: record ID to cluster.
        truth: record ID to true person.
        kin: person to group of relatives.
    """
    merged: set[tuple[Hashable, Hashable]] = set()
    for members in group_by_cluster(clusters).values():
        people = sorted({truth[n] for n in members if truth.get(n) in kin}, key=str)
        merged.update((left, right) for left, right in combinations(people, 2) if kin[left] == kin[right])
    return merged


def _collect_birth_dates(dataset: Dataset) -> dict[Hashable, set[str]]:
    """Collect the recorded birth dates of each true person."""
    dates_by_person: dict[Hashable, set[str]] = {}
    for number, features in dataset.records:
        dates_by_person.setdefault(dataset.truth[number], set()).update(features.birth_dates)
    return dates_by_person
