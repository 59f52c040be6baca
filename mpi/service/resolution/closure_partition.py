"""Partition of connected records into clusters, with the weight of every pair."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from mpi.clustering.component import Component, Pair, UnscoredComponent, find_components, order_pair
from mpi.clustering.partition import Partition, is_fully_linked, partition
from mpi.clustering.source_pair_priors import MODEL_PRIORS, SourcePairPriors
from mpi.domain.features import Features
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.task_facts import FeatureLoader


def partition_closure(
    closure: Closure,
    load_features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors = MODEL_PRIORS,
) -> list[Partition]:
    """Partition connected records into clusters of canonical record keys.

    Enterprise IDs play no part.

    Args:
        closure: complete components.
        load_features: loads the features of active records by number.
        scorer: scores pairs that blocking did not bring together.
        thresholds: link and review thresholds.
        priors: priors that replace the model's prior, by pair of canonical keys. Never used for enterprise
            IDs.
    """
    numbers_by_key = {key: number for number, key in closure.keys.items()}
    edges = priors.shift_weights(map_edges_to_keys(closure))
    return [
        partition(component, thresholds)
        for component in _build_components(
            closure, edges, numbers_by_key, load_features, scorer, thresholds, priors
        )
    ]


def map_edges_to_keys(closure: Closure) -> dict[Pair, float]:
    """Return the match weights of active record pairs, by canonical keys."""
    return {
        order_pair(closure.keys[lo], closure.keys[hi]): bits
        for (lo, hi), bits in closure.edges.items()
        if lo in closure.keys and hi in closure.keys
    }


def _build_components(
    closure: Closure,
    edges: Mapping[Pair, float],
    numbers_by_key: Mapping[int, int],
    load_features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors,
) -> Iterator[Component]:
    """Yield connected components of records with the weight of every pair."""
    unscored_components = find_components(numbers_by_key, edges, closure.decisions, thresholds)
    caution_cap = round_weight(scorer.cautions.bits)
    simple_components = [
        _build_simple_component(unscored, edges, thresholds, caution_cap) for unscored in unscored_components
    ]
    needed_ids = {
        numbers_by_key[key]
        for unscored, simple in zip(unscored_components, simple_components, strict=True)
        if simple is None
        for key in unscored.records
    }
    features_by_number = load_features(needed_ids)
    features_by_key = {closure.keys[number]: value for number, value in features_by_number.items()}
    for unscored, simple_component in zip(unscored_components, simple_components, strict=True):
        if simple_component is not None:
            yield simple_component
            continue
        weights = _complete_weights(unscored, edges, features_by_key, scorer, priors)
        marks = scorer.mark_pairs(weights, features_by_key)
        yield Component(
            records=unscored.records,
            weights=weights,
            decisions=unscored.decisions,
            raised_bits=unscored.raised_bits,
            uncorroborated=marks.uncorroborated,
            opposed=marks.opposed,
        )


def _build_simple_component(
    unscored: UnscoredComponent, edges: Mapping[Pair, float], thresholds: Thresholds, caution_cap: float
) -> Component | None:
    """Build a component whose partition needs no comparison features.

    These are a single record, a single pair, or records that all link by more than a pair can weigh whose
    weight a caution caps. Every pair is weighed and no decision names any of the records. None where features
    matter.
    """
    if unscored.decisions:
        return None
    weights = {}
    for key_pair in combinations(unscored.records, 2):
        bits = edges.get(key_pair)
        if bits is None:
            return None
        weights[key_pair] = bits
    component = Component(unscored.records, weights, raised_bits=unscored.raised_bits)
    if len(weights) <= 1 or (min(weights.values()) > caution_cap and is_fully_linked(component, thresholds)):
        return component
    return None


def _complete_weights(
    unscored: UnscoredComponent,
    edges: Mapping[Pair, float],
    features: Mapping[int, Features],
    scorer: OnlineScorer,
    priors: SourcePairPriors,
) -> dict[Pair, float]:
    """Return every record pair's weight within a component, scoring missing pairs."""
    weights: dict[Pair, float] = {}
    for position, left in enumerate(unscored.records):
        for right in unscored.records[position + 1 :]:
            bits = edges.get((left, right))
            weights[left, right] = (
                priors.shift_weight(left, right, scorer.weigh(features[left], features[right]))
                if bits is None
                else bits
            )
    return weights
