"""False links and missed links of a partition."""

from collections.abc import Hashable, Iterator, Mapping
from itertools import combinations

from mpi.clustering.component import Pair
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import group_by_cluster


def list_pairs(groups: Groups) -> Iterator[Pair]:
    """Yield every pair of records in one group, the lower ID first.

    Records without a group are in no pair.
    """
    grouped = {number: group for number, group in groups.items() if group is not None}
    for members in group_by_cluster(grouped).values():
        yield from combinations(sorted(members), 2)


def find_false_links(clusters: Groups, truth: Groups) -> list[Pair]:
    """Return the linked pairs whose records are of two people."""
    return [
        pair for pair in list_pairs(clusters) if _has_truth(truth, pair) and not _is_one_group(truth, pair)
    ]


def find_missed_links(clusters: Groups, truth: Groups) -> list[Pair]:
    """Return the unlinked pairs whose records are of one person."""
    return [pair for pair in list_pairs(truth) if not _is_one_group(clusters, pair)]


def is_same_person(truth: Mapping[int, Hashable], pair: Pair) -> bool:
    """Return whether both records of a pair truly are of one person."""
    return _has_truth(truth, pair) and _is_one_group(truth, pair)


def _has_truth(truth: Groups, pair: Pair) -> bool:
    """Return whether the true persons of both records are known."""
    return truth.get(pair[0]) is not None and truth.get(pair[1]) is not None


def _is_one_group(groups: Groups, pair: Pair) -> bool:
    """Return whether both records of a pair are in one group."""
    return groups[pair[0]] == groups[pair[1]]
