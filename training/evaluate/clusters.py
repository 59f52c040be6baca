"""The shipped model's persons: keys, candidates, weights and partition, as the service does it."""

import tempfile
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from mpi.clustering.component import Component, pieces
from mpi.clustering.partition import partition
from mpi.domain.weight import rounded
from mpi.matching.batch import predict
from mpi.matching.model import MatchModel
from mpi.matching.scorer import compile_scorer
from training.blocking import Records

Clusters = dict[int, int]
"""Record id to the id of its cluster: the lowest record id in it."""


def weigh(model: MatchModel, records: Records, pairs: pa.Table, floor: float) -> pa.Table:
    """The weights of pairs at or above a floor."""
    with tempfile.TemporaryDirectory() as folder:
        return predict(model, records, pairs, floor, Path(folder))


def persons(model: MatchModel, records: Records, edges: pa.Table) -> tuple[Clusters, int]:
    """Partition the records.

    Args:
        model: whose thresholds apply.
        records: all records.
        edges: ``lo``, ``hi``, ``bits`` of at least every candidate pair at or above the influence floor.

    Returns:
        The clusters, and the number of pairs left for clerical review.
    """
    thresholds, scorer = model.thresholds, compile_scorer(model)
    known = dict(
        zip(
            zip(edges["lo"].to_pylist(), edges["hi"].to_pylist(), strict=True),
            edges["bits"].to_pylist(),
            strict=True,
        )
    )
    features = dict(records)
    clusters: Clusters = {number: number for number in features}
    doubts = 0
    for piece in pieces(features, known, (), thresholds):
        if len(piece.records) > 1:
            weights = {
                (left, right): rounded(scorer.weight(features[left], features[right]))
                for left, right in combinations(piece.records, 2)
            }
            made = partition(Component(piece.records, weights, (), piece.raised), thresholds)
            doubts += len(made.doubts)
            for cluster in made.clusters:
                clusters.update(dict.fromkeys(cluster, cluster[0]))
    return clusters, doubts


def by_cluster(clusters: Mapping[int, object]) -> dict[object, list[int]]:
    """Cluster to its records."""
    found: dict[object, list[int]] = {}
    for number, cluster in clusters.items():
        found.setdefault(cluster, []).append(number)
    return found
