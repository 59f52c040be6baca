"""One evaluation: the shipped model beside exact match and plain Splink, on the same records."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from mpi.clustering.source_pair_priors import estimate_priors
from mpi.domain.weight import Thresholds
from mpi.matching.model.model import MatchModel
from training.evaluate import baseline, model_clusters
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures import bias, blocking_loss, calibration, care, error_kinds, relatives, review
from training.evaluate.measures.intervals import Estimate
from training.evaluate.measures.scores import PartitionQuality, PairCounts, count_pairs, measure_quality
from training.record_table import Records

SPLINK_THRESHOLDS = (0.5, 0.9, baseline.NOTEBOOK_PROBABILITY, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one way of linking made of the records.

    Args:
        way: its name.
        scores: pairs.
        quality: all measures, with intervals.
        relatives: children of one household taken for one; None where households are not told.
        schools: found for children in care; None where the set has none.
    """

    way: str
    scores: PairCounts
    quality: PartitionQuality
    relatives: relatives.RelativeLinks | None
    schools: care.SchoolsFound | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All ways on one set, and what the model's operational partition leaves to people and gets wrong.

    Args:
        name: of the set.
        model: that was evaluated.
        records: how many.
        thresholds: by purpose.
        blocking: what is never compared.
        lines: one a way; the last is the operational partition.
        tasks: what it leaves to stewards.
        arriving: tasks a record on a night on which all records are new.
        errors: pairs by kind, false and missed.
        groups: rows of the bias table.
        buckets: candidate pairs by weight, for calibration.
        false_links: in 10,000, expected and observed.
    """

    name: str
    model: str
    records: int
    thresholds: Mapping[str, Thresholds]
    blocking: blocking_loss.BlockingRecall
    lines: tuple[MethodResult, ...]
    tasks: review.ReviewLoad
    arriving: Estimate
    errors: Mapping[str, Mapping[str, int]]
    groups: list[bias.BiasRow]
    buckets: list[calibration.WeightBucket]
    false_links: calibration.FalseLinkRates

    @property
    def blocking_recall(self) -> float:
        """Share of the matches that are compared; the rest no model can find."""
        return self.blocking.recall.value


def evaluate(model: MatchModel, records: Records, truth: Mapping[int, Hashable]) -> Evaluation:
    """Score the model, exact match and plain Splink on records of which only the truth is known."""
    return evaluate_dataset(model, Dataset("records", records, truth))


def evaluate_dataset(model: MatchModel, dataset: Dataset) -> Evaluation:
    """Score the model, exact match and plain Splink.

    Args:
        model: its thresholds and blocking apply as they are.
        dataset: of which only the records reach the model.
    """
    truth = {number: dataset.truth[number] for number, _ in dataset.records}
    weighed = model_clusters.score_records(model, dataset.records)
    operational = model_clusters.partition_records(weighed, model.thresholds)
    priors = estimate_priors(weighed.edges, dataset.source_by_record, weighed.scorer.levels.prior)
    statistical = model_clusters.partition_records(weighed, model.statistical, priors)
    return Evaluation(
        name=dataset.name,
        model=model.ref,
        records=len(dataset.records),
        thresholds={"operational": model.thresholds, "statistical": model.statistical},
        blocking=blocking_loss.measure_blocking_loss(
            model, weighed, truth, count_pairs(operational.clusters, truth).matches
        ),
        lines=(
            _measure_method("exact name and birth date", baseline.cluster_exact_matches(dataset.records), dataset, truth),
            *_measure_splink(dataset, truth),
            _measure_method("statistical", statistical.clusters, dataset, truth),
            _measure_method("operational", operational.clusters, dataset, truth),
        ),
        tasks=review.measure_review(operational, truth),
        arriving=review.measure_arrival_review(weighed, operational),
        errors=error_kinds.count_errors_by_kind(operational.clusters, dataset),
        groups=bias.build_bias_table(operational, truth, dataset.groups),
        buckets=calibration.group_by_weight(weighed.edges, truth),
        false_links=calibration.compare_false_links(weighed, operational.clusters, truth),
    )


def _measure_method(way: str, made: model_clusters.Clusters, dataset: Dataset, truth: Mapping[int, Hashable]) -> MethodResult:
    return MethodResult(
        way,
        count_pairs(made, truth),
        measure_quality(made, truth),
        relatives.count_linked_relatives(made, dataset),
        care.find_schools(made, truth, dataset.care) if dataset.care else None,
    )


def _measure_splink(dataset: Dataset, truth: Mapping[int, Hashable]) -> list[MethodResult]:
    lines = []
    tables = (
        {"plain Splink": None}
        if dataset.raw is None
        else {"plain Splink": None, "the same, raw columns": dataset.raw}
    )
    for name, raw in tables.items():
        pairs = baseline.score_with_splink(dataset.records, raw)
        made = {bits: baseline.connect_pairs(dataset.records, pairs, bits) for bits in SPLINK_THRESHOLDS}
        best = max(made, key=lambda at: (count_pairs(made[at], truth).f1, at))
        lines += [
            _measure_method(
                f"{name} at {baseline.NOTEBOOK_PROBABILITY}",
                made[baseline.NOTEBOOK_PROBABILITY],
                dataset,
                truth,
            ),
            _measure_method(f"{name} at its best, {best}", made[best], dataset, truth),
        ]
    return lines
