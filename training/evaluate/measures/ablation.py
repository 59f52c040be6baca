"""What each part of the model and of the partition buys: the same records without it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import NO_CAUTIONS, Cautions
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.relatives import count_linked_relatives
from training.evaluate.measures.scores import PairCounts, count_pairs
from training.evaluate.model_clusters import ModelPartition, partition_records, score_records

_NEUTRAL_PROBABILITY = 0.5
_NO_COHESION = -1_000.0
_LEAST_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class AblationRow:
    """The operational partition without one part.

    Args:
        without: the part.
        scores: pairs.
        relatives: children of one household taken for one child.
        tasks: review tasks.
    """

    without: str
    scores: PairCounts
    relatives: int
    tasks: int


def measure_ablation(model: MatchModel, dataset: Dataset) -> Iterator[AblationRow]:
    """The whole model, then without each comparison, then without each part of the partition."""
    weighed = score_records(model, dataset.records)
    yield _judge_partition("nothing", partition_records(weighed, model.thresholds), dataset)
    for name, settings in _silence_each_comparison(model.settings):
        lesser = replace(model, settings=settings)
        found = partition_records(score_records(lesser, dataset.records), model.thresholds)
        yield _judge_partition(f"comparison {name}", found, dataset)
    for name, cautions in (("all cautions", NO_CAUTIONS), ("the caution of strangers", _ignore_contradictions(model))):
        lesser = replace(model, cautions=cautions)
        yield _judge_partition(name, partition_records(score_records(lesser, dataset.records), model.thresholds), dataset)
    for name, thresholds in _weaken_thresholds(model.thresholds):
        yield _judge_partition(name, partition_records(weighed, thresholds), dataset)


def _silence_each_comparison(settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for dropped in settings["comparisons"]:
        others = [_silence_comparison(each) if each is dropped else each for each in settings["comparisons"]]
        yield str(dropped["output_column_name"]), {**settings, "comparisons": others}


def _silence_comparison(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison with every level at 0 bits."""
    levels = []
    for level in comparison["comparison_levels"]:
        kept = {name: value for name, value in level.items() if name != "tf_adjustment_column"}
        if not level.get("is_null_level"):
            kept |= {"m_probability": _NEUTRAL_PROBABILITY, "u_probability": _NEUTRAL_PROBABILITY}
        levels.append(kept)
    return {**comparison, "comparison_levels": levels}


def _ignore_contradictions(model: MatchModel) -> Cautions:
    """Name and birth date alone link whatever speaks against them."""
    return replace(model.cautions, uncorroborated="FALSE", opposed="FALSE")


def _weaken_thresholds(thresholds: Thresholds) -> Iterator[tuple[str, Thresholds]]:
    """The margin at next to nothing still contests what a rival outweighs."""
    yield "cohesion", replace(thresholds, cohesion=_NO_COHESION)
    yield "second-best margin", replace(thresholds, margin=_LEAST_MARGIN)


def _judge_partition(name: str, found: ModelPartition, dataset: Dataset) -> AblationRow:
    kin = count_linked_relatives(found.clusters, dataset)
    truth = {number: dataset.truth[number] for number, _ in dataset.records}
    return AblationRow(name, count_pairs(found.clusters, truth), kin.wrong if kin else 0, len(found.tasks))
