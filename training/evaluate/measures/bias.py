"""The bias table: whether some children are linked, missed or asked about more than others."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from training.evaluate.measures.intervals import Figure, share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import false_links, pairs_within
from training.evaluate.model_clusters import Persons

GAP = 0.05
"""How far the rate of a group may lie above that of all children before the evaluation fails."""
LEAST = 100
"""Groups of fewer children are shown and not judged."""


@dataclass(frozen=True, slots=True)
class Row:
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
    missed: Figure
    false: Figure
    reviewed: Figure


def bias_table(found: Persons, truth: Groups, groups: Mapping[str, Mapping[Hashable, str]]) -> list[Row]:
    """A row for all children, then one a group of each dimension."""
    wrong = {number for pair in false_links(found.clusters, truth) for number in pair}
    asked = {number for pair in found.tasks for number in pair}
    matches = [
        (truth[left], found.clusters[left] != found.clusters[right]) for left, right in pairs_within(truth)
    ]
    everyone = dict.fromkeys(truth.values(), "all")
    return [
        _row(dimension, group, {p for p, held in of.items() if held == group}, truth, matches, wrong, asked)
        for dimension, of in {"all": everyone, **groups}.items()
        for group in sorted(set(of.values()))
    ]


def gaps(rows: list[Row], gap: float = GAP) -> list[str]:
    """A line for each rate that lies, beyond chance, more than ``gap`` above that of all children."""
    if not rows:
        return []
    overall = rows[0]
    return [
        f"{row.dimension} {row.group}: {name} {getattr(row, name).value:.2%} "
        f"against {getattr(overall, name).value:.2%} of all children"
        for row in rows[1:]
        if row.children >= LEAST
        for name in ("missed", "false", "reviewed")
        if getattr(row, name).low > getattr(overall, name).value + gap
    ]


def _row(
    dimension: str,
    group: str,
    people: set[Hashable],
    truth: Groups,
    matches: list[tuple[Hashable, bool]],
    wrong: set[int],
    asked: set[int],
) -> Row:
    records = {number for number, person in truth.items() if person in people}
    theirs = [missed for person, missed in matches if person in people]
    return Row(
        dimension,
        group,
        len(people),
        missed=share(sum(theirs), len(theirs)),
        false=share(len(wrong & records), len(records)),
        reviewed=share(len(asked & records), len(records)),
    )
