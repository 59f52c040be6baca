"""Table that compares partition rules by precision, recall and F1."""

from dataclasses import dataclass

from mpi.clustering.source_pair_priors import MODEL_PRIORS, estimate_priors
from mpi.matching.model.match_model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.scores import PairCounts, count_pairs
from training.evaluate.model_clusters import score_records, split_into_components
from training.partitions.rules import RULES


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Scores of one rule that clusters records into persons.

    Args:
        rule: name of the rule.
        purpose: purpose whose thresholds applied, ``operational`` or ``statistical``.
        scores: counts of pairs.
    """

    rule: str
    purpose: str
    scores: PairCounts


def compare_rules(model: MatchModel, dataset: Dataset) -> list[RuleResult]:
    """Partition a dataset's records by every partition rule, for both purposes.

    Args:
        model: model whose weights and thresholds apply.
        dataset: dataset of which only the records and their sources reach the rules.
    """
    scored = score_records(model, dataset.records)
    set_priors = estimate_priors(scored.edges, dataset.source_by_record, scored.scorer.parameters.prior)
    purposes = (
        ("operational", model.thresholds, MODEL_PRIORS),
        ("statistical", model.statistical, set_priors),
    )
    rows = []
    for purpose, thresholds, priors in purposes:
        set_components = list(split_into_components(scored, thresholds, priors))
        for name, rule in RULES.items():
            clusters: dict[int, int] = {number: number for number, _ in dataset.records}
            for component in set_components:
                for members in rule(component, thresholds):
                    ordered = sorted(members)
                    clusters.update(dict.fromkeys(ordered, ordered[0]))
            rows.append(RuleResult(name, purpose, count_pairs(clusters, dataset.truth)))
    return rows


def to_markdown(rows: list[RuleResult]) -> str:
    """Return the comparison of partition rules as a Markdown table."""
    lines = ["| purpose | rule | precision | recall | F1 |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.purpose} | {row.rule} | {row.scores.precision:.4f} | {row.scores.recall:.4f} | "
        f"{row.scores.f1:.4f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
