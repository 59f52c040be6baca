"""Pairs of records that a partition got wrong."""

from collections.abc import Hashable, Iterator, Mapping
from itertools import combinations

from mpi.clustering.component import Pair
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import by_cluster


def pairs_within(groups: Groups) -> Iterator[Pair]:
    """Every pair of records in one group, the lower first; records without a group are in none."""
    known = {number: group for number, group in groups.items() if group is not None}
    for members in by_cluster(known).values():
        yield from combinations(sorted(members), 2)


def false_links(clusters: Groups, truth: Groups) -> list[Pair]:
    """Linked pairs of two people."""
    return [pair for pair in pairs_within(clusters) if _known(truth, pair) and not _one(truth, pair)]


def missed_links(clusters: Groups, truth: Groups) -> list[Pair]:
    """Pairs of one person that are not linked."""
    return [pair for pair in pairs_within(truth) if not _one(clusters, pair)]


def same_person(truth: Mapping[int, Hashable], pair: Pair) -> bool:
    """Whether both records are known to be of one person."""
    return _known(truth, pair) and _one(truth, pair)


def _known(truth: Groups, pair: Pair) -> bool:
    return truth.get(pair[0]) is not None and truth.get(pair[1]) is not None


def _one(groups: Groups, pair: Pair) -> bool:
    return groups[pair[0]] == groups[pair[1]]
