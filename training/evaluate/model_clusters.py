"""Clusters of a model: blocking, scoring and partition, as in the service."""

import tempfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from mpi.clustering.component import Component, Pair, UnscoredComponent, find_components
from mpi.clustering.partition import partition
from mpi.clustering.source_pair_priors import MIN_CANDIDATE_BITS, MODEL_PRIORS, SourcePairPriors
from mpi.domain.features import Features
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.compiler.online_scorer import OnlineScorer, compile_scorer
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_scorer import score_pairs
from training.blocking import find_candidate_pairs
from training.record_table import ArrowFeatures, Records, features_by_id

BATCH_PIECES = 5_000

_Member = TypeVar("_Member", bound=Hashable)

Clusters = dict[int, int]
"""Record ID to cluster ID, which is the cluster's lowest record ID."""


@dataclass(frozen=True, slots=True)
class ModelPartition:
    """Clusters and review tasks into which a model divides the records.

    Args:
        clusters: record ID to cluster.
        tasks: pairs that the service would ask a steward about, each once.
    """

    clusters: Clusters
    tasks: tuple[Pair, ...]


@dataclass(slots=True)
class ScoredRecords:
    """Records with their candidate pairs and the weight of any pair.

    Args:
        records: record ID and features.
        candidates: candidate pairs, each with the rules that yield it.
        edges: weights in bits of the candidate pairs at or above ``LOWEST_BITS``; no rule looks at
            less.
        scorer: scorer of the model.
    """

    records: Mapping[int, Features]
    candidates: pa.Table
    edges: Mapping[Pair, float]
    scorer: OnlineScorer
    _unblocked_weights: dict[Pair, float] = field(default_factory=dict)

    def weight(self, left: int, right: int) -> float:
        """Return the weight of a pair in bits, blocked or not.

        Args:
            left: the lower record ID.
            right: the higher record ID.
        """
        edge_weight = self.edges.get((left, right))
        if edge_weight is not None:
            return edge_weight
        if (left, right) not in self._unblocked_weights:
            weight = self.scorer.weigh(self.records[left], self.records[right])
            self._unblocked_weights[left, right] = round_weight(weight)
        return self._unblocked_weights[left, right]


def score_records(model: MatchModel, records: Records) -> ScoredRecords:
    """Find the candidate pairs of records by blocking, and score them."""
    pairs = find_candidate_pairs(records, model.blocking)
    with tempfile.TemporaryDirectory() as folder:
        weighted = score_pairs(model, records, pairs, MIN_CANDIDATE_BITS, ScoringResources(Path(folder)))
    ends = zip(weighted["lo"].to_pylist(), weighted["hi"].to_pylist(), strict=True)
    edges = dict(zip(ends, weighted["bits"].to_pylist(), strict=True))
    return ScoredRecords(features_by_id(records), pairs, edges, compile_scorer(model))


def partition_records(
    scored: ScoredRecords,
    thresholds: Thresholds,
    priors: SourcePairPriors = MODEL_PRIORS,
    batch_pieces: int = BATCH_PIECES,
) -> ModelPartition:
    """Partition scored records and list the review tasks.

    Args:
        scored: the scored records.
        thresholds: thresholds of the bands.
        priors: priors that replace the model's in a partition for research.
        batch_pieces: pieces whose records are decoded together.
    """
    clusters: Clusters = {number: number for number in scored.records}
    tasks: set[Pair] = set()
    for component in split_into_components(scored, thresholds, priors, batch_pieces):
        result = partition(component, thresholds)
        tasks.update(doubt.pair for doubt in result.review_pairs)
        for cluster in result.clusters:
            clusters.update(dict.fromkeys(cluster, cluster[0]))
    # The service also asks about pairs across components, which no partition sees.
    tasks.update(
        (left, right)
        for (left, right), bits in priors.shift_weights(scored.edges).items()
        if bits >= thresholds.review and clusters[left] != clusters[right]
    )
    return ModelPartition(clusters, tuple(sorted(tasks)))


def split_into_components(
    scored: ScoredRecords,
    thresholds: Thresholds,
    priors: SourcePairPriors = MODEL_PRIORS,
    batch_pieces: int = BATCH_PIECES,
) -> Iterator[Component]:
    """Yield connected components of several records, with all their pair weights.

    Args:
        scored: the scored records.
        thresholds: thresholds of the bands.
        priors: priors that replace the model's in a partition for research.
        batch_pieces: pieces whose records are decoded together.
    """
    all_pieces = find_components(scored.records, priors.shift_weights(scored.edges), (), thresholds)
    connected = (piece for piece in all_pieces if len(piece.records) > 1)
    while batch := list(islice(connected, batch_pieces)):
        if isinstance(scored.records, ArrowFeatures):
            scored.records.preload({number for piece in batch for number in piece.records})
        for piece in batch:
            yield _build_component(scored, piece, priors)


def group_by_cluster(clusters: Mapping[_Member, object]) -> dict[object, list[_Member]]:
    """Return the members of each cluster."""
    members: dict[object, list[_Member]] = {}
    for member, cluster in clusters.items():
        members.setdefault(cluster, []).append(member)
    return members


def _build_component(scored: ScoredRecords, piece: UnscoredComponent, priors: SourcePairPriors) -> Component:
    """Build a connected component with the weights of all its pairs."""
    weights = {
        ends: priors.shift_weight(*ends, scored.weight(*ends)) for ends in combinations(piece.records, 2)
    }
    marks = scored.scorer.mark_pairs(weights, scored.records)
    return Component(
        records=piece.records,
        weights=weights,
        decisions=(),
        raised_bits=piece.raised_bits,
        uncorroborated=marks.uncorroborated,
        opposed=marks.opposed,
    )
