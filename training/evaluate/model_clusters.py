"""The shipped model's persons: keys, candidates, weights and partition, as the service does it."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice
from pathlib import Path

import pyarrow as pa

from mpi.clustering.component import Component, Pair, UnscoredComponent, find_components
from mpi.clustering.partition import partition
from mpi.clustering.source_pair_priors import MODEL_PRIORS, MIN_CANDIDATE_BITS, SourcePairPriors
from mpi.domain.features import Features
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.compiler.online_scorer import OnlineScorer, compile_scorer
from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.load_scorer import ScoringResources
from mpi.matching.scoring.splink_scorer import score_pairs
from training.blocking import find_candidate_pairs
from training.record_table import ArrowFeatures, Records, features_by_id

BATCH_PIECES = 5_000

Clusters = dict[int, int]
"""Record id to the id of its cluster: the lowest record id in it."""


@dataclass(frozen=True, slots=True)
class ModelPartition:
    """What a partition made of the records.

    Args:
        clusters: who is who.
        tasks: pairs that the service would ask a steward about, each once.
    """

    clusters: Clusters
    tasks: tuple[Pair, ...]


@dataclass(slots=True)
class ScoredRecords:
    """Records, the pairs that blocking compares, and weights of any pair.

    Args:
        records: record id and features.
        candidates: the pairs that blocking compares, each with the rules that bring it.
        edges: bits of the candidate pairs at or above ``MIN_CANDIDATE_BITS``; no rule looks at less.
        scorer: of the model.
    """

    records: Mapping[int, Features]
    candidates: pa.Table
    edges: Mapping[Pair, float]
    scorer: OnlineScorer
    _unblocked_weights: dict[Pair, float] = field(default_factory=dict)

    def weight(self, left: int, right: int) -> float:
        """The weight of a pair, blocked or not; left is the lower record id."""
        known = self.edges.get((left, right))
        if known is not None:
            return known
        if (left, right) not in self._unblocked_weights:
            weight = self.scorer.weight(self.records[left], self.records[right])
            self._unblocked_weights[left, right] = round_weight(weight)
        return self._unblocked_weights[left, right]


def score_records(model: MatchModel, records: Records) -> ScoredRecords:
    """Block the records and score the candidate pairs."""
    pairs = find_candidate_pairs(records, model.blocking)
    with tempfile.TemporaryDirectory() as folder:
        scored = score_pairs(model, records, pairs, MIN_CANDIDATE_BITS, ScoringResources(Path(folder)))
    sides = zip(scored["lo"].to_pylist(), scored["hi"].to_pylist(), strict=True)
    edges = dict(zip(sides, scored["bits"].to_pylist(), strict=True))
    return ScoredRecords(features_by_id(records), pairs, edges, compile_scorer(model))


def partition_records(weighed: ScoredRecords, thresholds: Thresholds, priors: SourcePairPriors = MODEL_PRIORS) -> ModelPartition:
    """Partition the records, and say which pairs a steward would be asked about.

    Args:
        weighed: the records.
        thresholds: the bands.
        priors: what takes the place of the model's prior in a partition for research.
    """
    clusters: Clusters = {number: number for number in weighed.records}
    tasks: set[Pair] = set()
    for component in split_into_components(weighed, thresholds, priors):
        made = partition(component, thresholds)
        tasks.update(doubt.pair for doubt in made.doubts)
        for cluster in made.clusters:
            clusters.update(dict.fromkeys(cluster, cluster[0]))
    # The service also asks about pairs that lie across components, which no partition has seen.
    tasks.update(
        (left, right)
        for (left, right), bits in priors.weights(weighed.edges).items()
        if bits >= thresholds.review and clusters[left] != clusters[right]
    )
    return ModelPartition(clusters, tuple(sorted(tasks)))


def split_into_components(weighed: ScoredRecords, thresholds: Thresholds, priors: SourcePairPriors = MODEL_PRIORS) -> Iterator[Component]:
    """The components of more than one record, with the weights of all their pairs."""
    found = find_components(weighed.records, priors.weights(weighed.edges), (), thresholds)
    several = (piece for piece in found if len(piece.records) > 1)
    while some := list(islice(several, BATCH_PIECES)):
        if isinstance(weighed.records, ArrowFeatures):
            weighed.records.preload({number for piece in some for number in piece.records})
        for piece in some:
            yield _build_component(weighed, piece, priors)


def group_by_cluster(clusters: Mapping[int, object]) -> dict[object, list[int]]:
    """Cluster to its records."""
    found: dict[object, list[int]] = {}
    for number, cluster in clusters.items():
        found.setdefault(cluster, []).append(number)
    return found


def _build_component(weighed: ScoredRecords, piece: UnscoredComponent, priors: SourcePairPriors) -> Component:
    weights = {ends: priors.weight(*ends, weighed.weight(*ends)) for ends in combinations(piece.records, 2)}
    marks = weighed.scorer.marks(weights, weighed.records)
    return Component(piece.records, weights, (), piece.raised, marks.uncorroborated, marks.opposed)
