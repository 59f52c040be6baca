"""Rivals of a pair: records that also match one of the two.

A pair that weighs enough is not linked where a third record matches one end about as well, or better, and is
not the same child as the other end (``mpi.clustering.partition``). Only records that the viewer may see are
named, and only by what the viewer may compare.
"""

from collections.abc import Collection, Mapping

from mpi.clustering.component import order_pair
from mpi.clustering.partition import SAME_PERSON_BITS, ReviewReason
from mpi.domain.features import Features
from mpi.domain.weight import round_weight
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import load_visible_features
from mpi.service.explanations.pair_weights import Pair
from mpi.storage.unit_of_work.units import ReadUnit

RIVAL_REASONS = frozenset({ReviewReason.AMBIGUOUS.value, ReviewReason.SECOND_BEST.value})
"""Reasons of a question in which a third record keeps a pair from being linked."""
MAX_RIVALS = 2
"""Most rivals named of one pair."""
_MAX_NEARBY = 100
"""Most records that are weighed against a pair."""


def find_rivals(unit: ReadUnit, index: Index, pair: Pair) -> tuple[int, ...]:
    """Find the visible records that keep a pair from being linked.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        pair: numbers of two records that the viewer may see.

    Returns:
        Record numbers, the best match first; empty if the viewer may see no such record.
    """
    nearby = _find_nearby(unit, index, pair)
    visible = load_visible_features(unit, index, [*pair, *nearby])
    features = {number: found for number, found in visible.by_record.items() if number not in visible.partial}
    if not features.keys() >= set(pair):
        return ()
    persons = unit.persons.current_persons(list(features))
    rivals: dict[int, float] = {}
    for end, opposite in (pair, pair[::-1]):
        candidates = {
            number: found
            for number, found in features.items()
            if number not in pair and persons.get(number, number) != persons.get(opposite, opposite)
        }
        for number, bits in _weigh_rivals(index, features, candidates, (end, opposite)).items():
            rivals[number] = max(bits, rivals.get(number, bits))
    return tuple(sorted(rivals, key=lambda number: (-rivals[number], number))[:MAX_RIVALS])


def _find_nearby(unit: ReadUnit, index: Index, pair: Pair) -> list[int]:
    """Find the visible records that links lead to from a pair."""
    floor = index.matcher.model.thresholds.influence_floor
    config_id = index.config_id(unit)
    known, latest = set(pair), set(pair)
    while latest and len(known) < _MAX_NEARBY:
        edges = unit.derived_data.edges_of(config_id, sorted(latest), floor)
        latest = visible_labels(unit, {end for edge in edges for end in edge} - known).keys() - known
        known |= latest
    return sorted(known - set(pair))[:_MAX_NEARBY]


def _weigh_rivals(
    index: Index, features: Mapping[int, Features], candidates: Collection[int], edge: Pair
) -> dict[int, float]:
    """Return the weights of candidates that contest an edge's first record."""
    scorer, margin = index.matcher.scorer, index.matcher.model.thresholds.margin
    end, opposite = edge
    bits = _weigh(scorer, features, edge)
    marks = scorer.mark_pairs({order_pair(*edge): bits}, features)
    is_uncorroborated = bool(marks.uncorroborated)
    rivals = {}
    for number in candidates:
        rival_bits = _weigh(scorer, features, (end, number))
        between = (opposite, number)
        is_opposed = is_uncorroborated and _is_opposed(scorer, features, between)
        if rival_bits > bits - margin and (
            is_opposed or _weigh(scorer, features, between) < SAME_PERSON_BITS
        ):
            rivals[number] = rival_bits
    return rivals


def _weigh(scorer: OnlineScorer, features: Mapping[int, Features], pair: Pair) -> float:
    """Return the match weight of two records, in bits."""
    return round_weight(scorer.weigh(features[pair[0]], features[pair[1]]))


def _is_opposed(scorer: OnlineScorer, features: Mapping[int, Features], pair: Pair) -> bool:
    """Return whether evidence opposes a pair of one name and birth date."""
    ordered = order_pair(*pair)
    return bool(scorer.mark_pairs({ordered: _weigh(scorer, features, pair)}, features).opposed)
