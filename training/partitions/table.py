"""The table of partition rules: one row a rule, on the same weights and thresholds."""

from dataclasses import dataclass

from mpi.clustering.source_pair_priors import AS_FITTED, priors_at_hand
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.scores import Scores, pairwise
from training.evaluate.model_clusters import components, weigh
from training.partitions.rules import RULES


@dataclass(frozen=True, slots=True)
class Row:
    """What one rule made of the records.

    Args:
        rule: its name.
        purpose: whose thresholds applied, ``operational`` or ``statistical``.
        scores: pairwise.
    """

    rule: str
    purpose: str
    scores: Scores


def compare(model: MatchModel, dataset: Dataset) -> list[Row]:
    """Partition the records by every rule, for both purposes.

    Args:
        model: its weights and thresholds apply.
        dataset: of which only the records and their sources reach the rules.
    """
    weighed = weigh(model, dataset.records)
    at_hand = priors_at_hand(weighed.edges, dataset.source_of, weighed.scorer.levels.prior)
    purposes = (
        ("operational", model.thresholds, AS_FITTED),
        ("statistical", model.statistical, at_hand),
    )
    rows = []
    for purpose, thresholds, priors in purposes:
        found = list(components(weighed, thresholds, priors))
        for name, rule in RULES.items():
            clusters: dict[int, int] = {number: number for number, _ in dataset.records}
            for component in found:
                for members in rule(component, thresholds):
                    ordered = sorted(members)
                    clusters.update(dict.fromkeys(ordered, ordered[0]))
            rows.append(Row(name, purpose, pairwise(clusters, dataset.truth)))
    return rows


def markdown(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = ["| purpose | rule | precision | recall | F1 |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.purpose} | {row.rule} | {row.scores.precision:.4f} | {row.scores.recall:.4f} | "
        f"{row.scores.f1:.4f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
