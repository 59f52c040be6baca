"""The table of partition rules: one row a rule, on the same weights and thresholds."""

from dataclasses import dataclass

from mpi.clustering.source_pair_priors import MODEL_PRIORS, estimate_priors
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.scores import PairCounts, count_pairs
from training.evaluate.model_clusters import split_into_components, score_records
from training.partitions.rules import RULES


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule made of the records.

    Args:
        rule: its name.
        purpose: whose thresholds applied, ``operational`` or ``statistical``.
        scores: pairwise.
    """

    rule: str
    purpose: str
    scores: PairCounts


def compare_rules(model: MatchModel, dataset: Dataset) -> list[RuleResult]:
    """Partition the records by every rule, for both purposes.

    Args:
        model: its weights and thresholds apply.
        dataset: of which only the records and their sources reach the rules.
    """
    weighed = score_records(model, dataset.records)
    at_hand = estimate_priors(weighed.edges, dataset.source_by_record, weighed.scorer.levels.prior)
    purposes = (
        ("operational", model.thresholds, MODEL_PRIORS),
        ("statistical", model.statistical, at_hand),
    )
    rows = []
    for purpose, thresholds, priors in purposes:
        found = list(split_into_components(weighed, thresholds, priors))
        for name, rule in RULES.items():
            clusters: dict[int, int] = {number: number for number, _ in dataset.records}
            for component in found:
                for members in rule(component, thresholds):
                    ordered = sorted(members)
                    clusters.update(dict.fromkeys(ordered, ordered[0]))
            rows.append(RuleResult(name, purpose, count_pairs(clusters, dataset.truth)))
    return rows


def to_markdown(rows: list[RuleResult]) -> str:
    """The table in Markdown."""
    lines = ["| purpose | rule | precision | recall | F1 |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.purpose} | {row.rule} | {row.scores.precision:.4f} | {row.scores.recall:.4f} | "
        f"{row.scores.f1:.4f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
