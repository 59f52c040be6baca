"""The bias table: whether some children are linked, missed or asked about more than others."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import find_false_links, list_pairs
from training.evaluate.model_clusters import ModelPartition

MAX_GAP = 0.05
"""How far the rate of a group may lie above that of all children before the evaluation fails."""
LEAST_CHILDREN = 100
"""Groups of fewer children are shown and not judged."""


@dataclass(frozen=True, slots=True)
class BiasRow:
    """One group of children.

    Args:
        dimension: such as ``race``.
        group: such as ``hispanic``.
        children: how many.
        missed: share of the true pairs of their records that are not linked.
        false: share of their records with a false link.
        reviewed: share of their records that a review task names.
    """

    dimension: str
    group: str
    children: int
    missed: Estimate
    false: Estimate
    reviewed: Estimate


def build_bias_table(found: ModelPartition, truth: Groups, groups: Mapping[str, Mapping[Hashable, str]]) -> list[BiasRow]:
    """A row for all children, then one a group of each dimension."""
    wrong = {number for pair in find_false_links(found.clusters, truth) for number in pair}
    asked = {number for pair in found.tasks for number in pair}
    matches = [
        (truth[left], found.clusters[left] != found.clusters[right]) for left, right in list_pairs(truth)
    ]
    everyone = dict.fromkeys(truth.values(), "all")
    return [
        _build_row(dimension, group, {p for p, held in of.items() if held == group}, truth, matches, wrong, asked)
        for dimension, of in {"all": everyone, **groups}.items()
        for group in sorted(set(of.values()))
    ]


def find_gaps(rows: list[BiasRow], gap: float = MAX_GAP) -> list[str]:
    """A line for each rate that lies, beyond chance, more than ``gap`` above that of all children."""
    if not rows:
        return []
    overall = rows[0]
    return [
        f"{row.dimension} {row.group}: {name} {getattr(row, name).value:.2%} "
        f"against {getattr(overall, name).value:.2%} of all children"
        for row in rows[1:]
        if row.children >= LEAST_CHILDREN
        for name in ("missed", "false", "reviewed")
        if getattr(row, name).low > getattr(overall, name).value + gap
    ]


def _build_row(
    dimension: str,
    group: str,
    people: set[Hashable],
    truth: Groups,
    matches: list[tuple[Hashable, bool]],
    wrong: set[int],
    asked: set[int],
) -> BiasRow:
    records = {number for number, person in truth.items() if person in people}
    theirs = [missed for person, missed in matches if person in people]
    return BiasRow(
        dimension,
        group,
        len(people),
        missed=estimate_share(sum(theirs), len(theirs)),
        false=estimate_share(len(wrong & records), len(records)),
        reviewed=estimate_share(len(asked & records), len(records)),
    )
