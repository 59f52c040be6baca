"""Scalar scoring of few candidate pairs, without DuckDB.

Starting DuckDB takes longer than scoring few pairs one by one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mpi.domain.features import Features
from mpi.domain.weight import round_weight
from mpi.service.core.index import Matcher
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit


class ScoredBatch(NamedTuple):
    """Scored pairs (edges) of one batch of candidate pairs.

    Args:
        edges: pairs at or above the storage floor.
        features: features of the records of all pairs, at least.
        pair_count: number of pairs in the batch.
    """

    edges: Edges
    features: Mapping[int, Features]
    pair_count: int


def score_pairs(
    matcher: Matcher, features: Mapping[int, Features], pairs: Iterable[tuple[int, int]]
) -> Edges:
    """Return scored pairs at or above the stored minimum weight, each once.

    Args:
        matcher: the model.
        features: features of both records of each pair.
        pairs: record numbers in either order.
    """
    floor = matcher.model.thresholds.storage_floor
    edges: Edges = {}
    for record, candidate in pairs:
        edge = (record, candidate) if record < candidate else (candidate, record)
        if edge not in edges:
            bits = round_weight(matcher.scorer.weigh(features[record], features[candidate]))
            if bits >= floor:
                edges[edge] = bits
    return edges


def score_in_batches(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    features: Mapping[int, Features],
    neighbors: Mapping[int, Sequence[int]],
) -> Iterator[ScoredBatch]:
    """Score records against their candidate pairs, in batches that bound memory.

    Args:
        unit: the transaction.
        matcher: the model.
        config_id: its configuration.
        features: features of the records.
        neighbors: by candidate, stored or among the records: the records that it is compared with.
    """
    for candidates in split_into_batches(unit, sorted(neighbors)):
        known_features = {
            **load_features(
                unit, config_id, [candidate for candidate in candidates if candidate not in features]
            ),
            **features,
        }
        # A second snapshot may have found records that are newer than this transaction.
        pairs = [
            (record, candidate)
            for candidate in candidates
            if candidate in known_features
            for record in neighbors[candidate]
        ]
        yield ScoredBatch(
            score_pairs(matcher, known_features, pairs),
            known_features,
            sum(len(neighbors[candidate]) for candidate in candidates),
        )
