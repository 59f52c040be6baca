"""Children of one household: how many of them were taken for one child."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations

from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import group_by_cluster


@dataclass(frozen=True, slots=True)
class RelativeLinks:
    """Pairs of children of one household.

    Args:
        pairs: how many there are.
        wrong: those any of whose records share a person.
        twins: of the wrong ones, those of one birth date.
        share: wrong ones of all.
    """

    pairs: int
    wrong: int
    twins: int
    share: Estimate


def count_linked_relatives(clusters: Groups, dataset: Dataset) -> RelativeLinks | None:
    """Count them; None where the set does not tell households."""
    if not dataset.households:
        return None
    homes = group_by_cluster(dict(dataset.households))  # type: ignore[arg-type]
    pairs = sum(len(members) * (len(members) - 1) // 2 for members in homes.values())
    wrong = find_merged_people(clusters, dataset.truth, dataset.households)
    born = _collect_birth_dates(dataset)
    twins = sum(bool(born[left] & born[right]) for left, right in wrong)
    return RelativeLinks(pairs, len(wrong), twins, estimate_share(len(wrong), pairs))


def find_merged_people(
    clusters: Groups, truth: Mapping[int, Hashable], kin: Mapping[Hashable, Hashable]
) -> set[tuple[Hashable, Hashable]]:
    """Pairs of different people of one kin any of whose records share a cluster."""
    wrong: set[tuple[Hashable, Hashable]] = set()
    for members in group_by_cluster(clusters).values():
        people = sorted({truth[n] for n in members if truth.get(n) in kin}, key=str)
        wrong.update((left, right) for left, right in combinations(people, 2) if kin[left] == kin[right])
    return wrong


def _collect_birth_dates(dataset: Dataset) -> dict[Hashable, set[str]]:
    found: dict[Hashable, set[str]] = {}
    for number, features in dataset.records:
        found.setdefault(dataset.truth[number], set()).update(features.birth_dates)
    return found
