"""Model evidence that is stored with a decision."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

from mpi.domain.decision import DecisionKind
from mpi.domain.features import Features
from mpi.domain.weight import round_weight
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.storage.unit_of_work.units import ReadUnit

MAX_PAIRS_STORED = 400
"""Most pairs stored with a decision, heaviest first."""


def collect_evidence(
    unit: ReadUnit, index: Index, kind: DecisionKind, groups: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Return comparison levels and match weights of a decision's record pairs.

    Args:
        unit: the transaction.
        index: the open index.
        kind: a DIFFERENT is about pairs across groups, other kinds about pairs within one group.
        groups: record numbers, by group; withdrawn records have no evidence.

    Returns:
        The model, the heaviest pairs with bits and comparison levels, and the number of pairs left out; no
        values.
    """
    config_id = index.config_id(unit)
    features = load_features(unit, config_id, {record for group in groups for record in group})
    scorer = index.matcher.scorer
    groups_with_features = [[record for record in group if record in features] for group in groups]
    pair_count = _count_pairs(kind, [len(group) for group in groups_with_features])
    # More pairs would keep other writers waiting: only their stored weights are used.
    if pair_count <= index.tuning.review.evidence_pairs:
        pairs = _list_pairs(kind, groups_with_features)
        weights = [(round_weight(scorer.weigh(features[lo], features[hi])), lo, hi) for lo, hi in pairs]
    else:
        weights = _stored_weights(unit, index, kind, groups_with_features)
    ranked = sorted(weights, key=lambda each: (-each[0], each[1:]))
    stored_pairs = [
        {"records": [lo, hi], "bits": bits, "levels": _comparison_levels(index, features[lo], features[hi])}
        for bits, lo, hi in ranked[:MAX_PAIRS_STORED]
    ]
    result: dict[str, Any] = {"model": index.matcher.model.ref, "pairs": stored_pairs}
    return (
        result if len(stored_pairs) == pair_count else {**result, "left_out": pair_count - len(stored_pairs)}
    )


def _count_pairs(kind: DecisionKind, sizes: Sequence[int]) -> int:
    """Return the number of record pairs that a decision is about.

    Args:
        kind: a DIFFERENT is about pairs across groups, other kinds about pairs within one group.
        sizes: number of records of each group.
    """
    pairs_within = sum(size * (size - 1) // 2 for size in sizes)
    return (
        pairs_within
        if kind is not DecisionKind.DIFFERENT
        else sum(sizes) * (sum(sizes) - 1) // 2 - pairs_within
    )


def _stored_weights(
    unit: ReadUnit, index: Index, kind: DecisionKind, groups: Sequence[Sequence[int]]
) -> list[tuple[float, int, int]]:
    """Return a decision's record pairs that have a stored match weight.

    Blocking found these pairs, and their weights are not far below the review threshold.
    """
    group_by_record = {record: group_number for group_number, group in enumerate(groups) for record in group}
    is_across = kind is DecisionKind.DIFFERENT
    edges = unit.derived_data.edges_of(
        index.config_id(unit), group_by_record, index.matcher.model.thresholds.storage_floor
    )
    return [
        (bits, lo, hi)
        for (lo, hi), bits in edges.items()
        if lo in group_by_record
        and hi in group_by_record
        and (group_by_record[lo] != group_by_record[hi]) is is_across
    ]


def _list_pairs(kind: DecisionKind, groups: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    if kind is DecisionKind.DIFFERENT:
        pairs = (pair for left, right in combinations(groups, 2) for pair in product(left, right))
    else:
        pairs = (pair for group in groups for pair in combinations(group, 2))
    return {(min(pair), max(pair)) for pair in pairs}


def _comparison_levels(index: Index, left: Features, right: Features) -> dict[str, str]:
    contributions = index.matcher.scorer.explain(left, right)
    return {
        contribution.comparison: contribution.level
        for contribution in contributions
        if contribution.comparison != "prior"
    }
