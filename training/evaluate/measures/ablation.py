"""Ablation: accuracy and review tasks without each part of the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import NO_CAUTIONS, Cautions
from mpi.matching.model.match_model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.relatives import count_linked_relatives
from training.evaluate.measures.scores import PairCounts, count_pairs
from training.evaluate.model_clusters import ModelPartition, partition_records, score_records

_NEUTRAL_PROBABILITY = 0.5
_NO_COHESION = -1_000.0
_LEAST_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class AblationRow:
    """Result of the operational partition without one part of the model.

    Args:
        without: the part that was left out.
        scores: counts of pairs.
        relatives: children of one household linked as one child.
        tasks: number of review tasks.
    """

    without: str
    scores: PairCounts
    relatives: int
    tasks: int


def measure_ablation(model: MatchModel, dataset: Dataset) -> Iterator[AblationRow]:
    """Evaluate the whole model, then without each of its parts.

    The parts are each comparison, the cautions, the condition of opposed pairs, cohesion and margin.
    """
    scored = score_records(model, dataset.records)
    yield _judge_partition("nothing", partition_records(scored, model.thresholds), dataset)
    for name, settings in _silence_each_comparison(model.settings):
        reduced = replace(model, settings=settings)
        partition = partition_records(score_records(reduced, dataset.records), model.thresholds)
        yield _judge_partition(f"comparison {name}", partition, dataset)
    for name, cautions in (
        ("all cautions", NO_CAUTIONS),
        ("the caution of strangers", _ignore_contradictions(model)),
    ):
        reduced = replace(model, cautions=cautions)
        yield _judge_partition(
            name, partition_records(score_records(reduced, dataset.records), model.thresholds), dataset
        )
    for name, thresholds in _weaken_thresholds(model.thresholds):
        yield _judge_partition(name, partition_records(scored, thresholds), dataset)


def _silence_each_comparison(settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield copies of the settings, each with one comparison weighing 0 bits."""
    for dropped in settings["comparisons"]:
        comparisons = [
            _silence_comparison(comparison) if comparison is dropped else comparison
            for comparison in settings["comparisons"]
        ]
        yield str(dropped["output_column_name"]), {**settings, "comparisons": comparisons}


def _silence_comparison(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison with every level at 0 bits."""
    levels = []
    for level in comparison["comparison_levels"]:
        silenced = {name: value for name, value in level.items() if name != "tf_adjustment_column"}
        if not level.get("is_null_level"):
            silenced |= {"m_probability": _NEUTRAL_PROBABILITY, "u_probability": _NEUTRAL_PROBABILITY}
        levels.append(silenced)
    return {**comparison, "comparison_levels": levels}


def _ignore_contradictions(model: MatchModel) -> Cautions:
    """Return cautions under which name and birth date alone link."""
    return replace(model.cautions, uncorroborated="FALSE", opposed="FALSE")


def _weaken_thresholds(thresholds: Thresholds) -> Iterator[tuple[str, Thresholds]]:
    """Yield thresholds without the cohesion check, and with hardly any margin.

    The least margin still contests a link that a rival outweighs.
    """
    yield "cohesion", replace(thresholds, cohesion=_NO_COHESION)
    yield "second-best margin", replace(thresholds, margin=_LEAST_MARGIN)


def _judge_partition(name: str, partition: ModelPartition, dataset: Dataset) -> AblationRow:
    """Score a partition of the records for the ablation table."""
    relative_links = count_linked_relatives(partition.clusters, dataset)
    truth = {number: dataset.truth[number] for number, _ in dataset.records}
    return AblationRow(
        name,
        count_pairs(partition.clusters, truth),
        relative_links.wrong if relative_links else 0,
        len(partition.tasks),
    )
