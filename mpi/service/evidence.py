"""Evidence as seen: what the model says of the pairs that a decision is about, kept with the decision."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

from mpi.domain.decision import DecisionKind
from mpi.domain.features import Features
from mpi.domain.weight import rounded
from mpi.service.context import Index
from mpi.service.reindex import load_features
from mpi.storage.unit import ReadUnit

MOST_PAIRS = 400
"""Kept of one decision, the heaviest first."""


def evidence(
    unit: ReadUnit, index: Index, kind: DecisionKind, groups: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Levels and bits of each pair that the decision joins, parts or leaves open; no values.

    Args:
        unit: the transaction.
        index: for the model.
        kind: a DIFFERENT is about pairs of two groups, the others about pairs within one.
        groups: record numbers; a withdrawn record has no evidence.
    """
    config_id = index.config_id(unit)
    known = load_features(unit, config_id, {record for group in groups for record in group})
    scorer = index.matcher.scorer
    pairs = [(lo, hi) for lo, hi in _pairs(kind, groups) if lo in known and hi in known]
    weighed = sorted(
        ((rounded(scorer.weight(known[lo], known[hi])), lo, hi) for lo, hi in pairs),
        key=lambda each: (-each[0], each[1:]),
    )
    kept = [
        {"records": [lo, hi], "bits": bits, "levels": _levels(index, known[lo], known[hi])}
        for bits, lo, hi in weighed[:MOST_PAIRS]
    ]
    found: dict[str, Any] = {"model": index.matcher.model.ref, "pairs": kept}
    return found if len(kept) == len(weighed) else {**found, "left_out": len(weighed) - len(kept)}


def _pairs(kind: DecisionKind, groups: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    if kind is DecisionKind.DIFFERENT:
        found = (pair for one, other in combinations(groups, 2) for pair in product(one, other))
    else:
        found = (pair for group in groups for pair in combinations(group, 2))
    return {(min(pair), max(pair)) for pair in found}


def _levels(index: Index, left: Features, right: Features) -> dict[str, str]:
    explained = index.matcher.scorer.explain(left, right)
    return {part.comparison: part.level for part in explained if part.comparison != "prior"}
