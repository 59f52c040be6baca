"""Bias table: missed links, false links and reviews by group of children."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.pair_errors import find_false_links, list_pairs
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import ModelPartition

MAX_GAP = 0.05
"""Most that a group's rate may exceed the rate of all children.

Beyond it the evaluation fails.
"""
LEAST_CHILDREN = 100
"""Fewest children of a judged group; smaller ones are only shown."""


@dataclass(frozen=True, slots=True)
class BiasRow:
    """Error and review rates of one group of children.

    Args:
        dimension: such as ``race``.
        group: such as ``hispanic``.
        children: number of children.
        missed: share of the true pairs of their records that are not linked.
        false: share of their records with a false link.
        reviewed: share of their records that a review task names.
    """

    dimension: str
    group: str
    children: int
    missed: IntervalEstimate
    false: IntervalEstimate
    reviewed: IntervalEstimate


def build_bias_table(
    partition: ModelPartition, truth: Groups, groups: Mapping[str, Mapping[Hashable, str]]
) -> list[BiasRow]:
    """Build a bias-table row for all children and one per group."""
    wrong_records = {number for pair in find_false_links(partition.clusters, truth) for number in pair}
    reviewed_records = {number for pair in partition.tasks for number in pair}
    matches = [
        (truth[left], partition.clusters[left] != partition.clusters[right])
        for left, right in list_pairs(truth)
    ]
    everyone = dict.fromkeys(truth.values(), "all")
    return [
        _build_row(
            dimension,
            group,
            {p for p, person_group in group_by_person.items() if person_group == group},
            truth,
            matches,
            wrong_records,
            reviewed_records,
        )
        for dimension, group_by_person in {"all": everyone, **groups}.items()
        for group in sorted(set(group_by_person.values()))
    ]


def find_gaps(rows: list[BiasRow], gap: float = MAX_GAP) -> list[str]:
    """Describe each group's error rate that exceeds that of all children.

    Args:
        rows: rows of the bias table, all children first.
        gap: excess that is allowed; the lower bound of the rate must lie above it.
    """
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
    wrong_records: set[int],
    reviewed_records: set[int],
) -> BiasRow:
    """Build the bias-table row of one group of children."""
    records = {number for number, person in truth.items() if person in people}
    missed_flags = [missed for person, missed in matches if person in people]
    return BiasRow(
        dimension=dimension,
        group=group,
        children=len(people),
        missed=estimate_share(sum(missed_flags), len(missed_flags)),
        false=estimate_share(len(wrong_records & records), len(records)),
        reviewed=estimate_share(len(reviewed_records & records), len(records)),
    )
