"""Evaluation of a model, exact matching and plain Splink on one dataset."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from mpi.clustering.source_pair_priors import estimate_priors
from mpi.domain.weight import Thresholds
from mpi.matching.model.match_model import MatchModel
from training.evaluate import baseline, model_clusters
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures import (
    bias,
    blocking_loss,
    calibration,
    error_kinds,
    relatives,
    review,
    school_links,
)
from training.evaluate.measures.intervals import IntervalEstimate
from training.evaluate.measures.scores import PairCounts, PartitionQuality, count_pairs, measure_quality
from training.record_table import Records


@dataclass(frozen=True, slots=True)
class MethodEvaluation:
    """Result of one linkage method on a dataset.

    Args:
        way: name of the method.
        scores: counts of pairs.
        quality: all measures, with intervals.
        relatives: children of one household linked as one; None if households are not told.
        schools: schools found for children in care; None if the set has none.
    """

    way: str
    scores: PairCounts
    quality: PartitionQuality
    relatives: relatives.RelativeLinks | None
    schools: school_links.SchoolsFound | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of all methods on one set, with tasks and errors.

    Args:
        name: name of the set.
        model: name and version of the evaluated model.
        records: number of records.
        thresholds: thresholds by purpose.
        blocking: pairs that blocking finds and loses.
        lines: one result per method; the last is the operational partition.
        tasks: clerical review that the operational partition needs.
        arriving: tasks per record on a night on which all records are new.
        errors: false and missed pairs by kind.
        groups: rows of the bias table.
        buckets: candidate pairs by weight, for calibration.
        false_links: false links per 10,000, expected and observed.
    """

    name: str
    model: str
    records: int
    thresholds: Mapping[str, Thresholds]
    blocking: blocking_loss.BlockingRecall
    lines: tuple[MethodEvaluation, ...]
    tasks: review.ReviewLoad
    arriving: IntervalEstimate
    errors: Mapping[str, Mapping[str, int]]
    groups: list[bias.BiasRow]
    buckets: list[calibration.WeightBucket]
    false_links: calibration.FalseLinkRates

    @property
    def blocking_recall(self) -> float:
        """Share of the matches that blocking compares.

        No model can find the rest.
        """
        return self.blocking.recall.value


def evaluate(model: MatchModel, records: Records, truth: Mapping[int, Hashable]) -> Evaluation:
    """Evaluate a model on records of which only the truth is known."""
    return evaluate_dataset(model, Dataset("records", records, truth))


def evaluate_dataset(model: MatchModel, dataset: Dataset) -> Evaluation:
    """Evaluate a model, exact matching and plain Splink on a dataset.

    Args:
        model: model whose thresholds and blocking apply as they are.
        dataset: dataset of which only the records reach the model.
    """
    truth = {number: dataset.truth[number] for number, _ in dataset.records}
    scored = model_clusters.score_records(model, dataset.records)
    operational = model_clusters.partition_records(scored, model.thresholds)
    priors = estimate_priors(scored.edges, dataset.source_by_record, scored.scorer.parameters.prior)
    statistical = model_clusters.partition_records(scored, model.statistical, priors)
    return Evaluation(
        name=dataset.name,
        model=model.ref,
        records=len(dataset.records),
        thresholds={"operational": model.thresholds, "statistical": model.statistical},
        blocking=blocking_loss.measure_blocking_loss(
            model, scored, truth, count_pairs(operational.clusters, truth).matches
        ),
        lines=(
            _measure_method(
                "exact name and birth date", baseline.cluster_exact_matches(dataset.records), dataset, truth
            ),
            *_measure_splink(dataset, truth),
            _measure_method("statistical", statistical.clusters, dataset, truth),
            _measure_method("operational", operational.clusters, dataset, truth),
        ),
        tasks=review.measure_review(operational, truth),
        arriving=review.measure_arrival_review(scored, operational),
        errors=error_kinds.count_errors_by_kind(operational.clusters, dataset),
        groups=bias.build_bias_table(operational, truth, dataset.groups),
        buckets=calibration.group_by_weight(scored.edges, truth),
        false_links=calibration.compare_false_links(scored, operational.clusters, truth),
    )


def _measure_method(
    method: str, clusters: model_clusters.Clusters, dataset: Dataset, truth: Mapping[int, Hashable]
) -> MethodEvaluation:
    """Measure the clusters of one linkage method against the truth."""
    return MethodEvaluation(
        way=method,
        scores=count_pairs(clusters, truth),
        quality=measure_quality(clusters, truth),
        relatives=relatives.count_linked_relatives(clusters, dataset),
        schools=school_links.find_schools(clusters, truth, dataset.care) if dataset.care else None,
    )


def _measure_splink(dataset: Dataset, truth: Mapping[int, Hashable]) -> list[MethodEvaluation]:
    """Measure plain Splink's links at its usual and best thresholds.

    It compares all columns, and again without those that a household shares.
    """
    table = baseline.build_notebook_table(dataset.records) if dataset.raw is None else dataset.raw
    personal = baseline.drop_shared_columns(table)
    tables = {"plain Splink": table}
    if personal.num_columns < table.num_columns:
        tables["plain Splink without shared fields"] = personal
    return [
        _measure_method(f"{name} at {label}", clusters, dataset, truth)
        for name, columns in tables.items()
        for label, clusters in _choose_clusters(columns, truth).items()
    ]


def _choose_clusters(table: pa.Table, truth: Mapping[int, Hashable]) -> dict[str, model_clusters.Clusters]:
    """Return plain Splink's clusters at its usual and its best threshold."""
    clusters = baseline.connect_pairs(list(truth), baseline.score_with_splink(table))
    best = max(clusters, key=lambda threshold: (count_pairs(clusters[threshold], truth).f1, threshold))
    usual = baseline.NOTEBOOK_PROBABILITY
    return {f"{usual}": clusters[usual], f"its best, {best}": clusters[best]}
