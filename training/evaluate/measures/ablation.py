"""What each part of the model and of the partition buys: the same records without it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import NO_CAUTIONS, Cautions
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.relatives import relatives
from training.evaluate.measures.scores import Scores, pairwise
from training.evaluate.model_clusters import Persons, persons, weigh

_SAYS_NOTHING = 0.5
_NO_COHESION = -1_000.0
_LEAST_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class Ablated:
    """The operational partition without one part.

    Args:
        without: the part.
        scores: pairs.
        relatives: children of one household taken for one child.
        tasks: review tasks.
    """

    without: str
    scores: Scores
    relatives: int
    tasks: int


def ablation(model: MatchModel, dataset: Dataset) -> Iterator[Ablated]:
    """The whole model, then without each comparison, then without each part of the partition."""
    weighed = weigh(model, dataset.records)
    yield _judged("nothing", persons(weighed, model.thresholds), dataset)
    for name, settings in _without_each(model.settings):
        lesser = replace(model, settings=settings)
        found = persons(weigh(lesser, dataset.records), model.thresholds)
        yield _judged(f"comparison {name}", found, dataset)
    for name, cautions in (("all cautions", NO_CAUTIONS), ("the caution of strangers", _trusting(model))):
        lesser = replace(model, cautions=cautions)
        yield _judged(name, persons(weigh(lesser, dataset.records), model.thresholds), dataset)
    for name, thresholds in _lesser(model.thresholds):
        yield _judged(name, persons(weighed, thresholds), dataset)


def _without_each(settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for dropped in settings["comparisons"]:
        others = [_silent(each) if each is dropped else each for each in settings["comparisons"]]
        yield str(dropped["output_column_name"]), {**settings, "comparisons": others}


def _silent(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison with every level at 0 bits."""
    levels = []
    for level in comparison["comparison_levels"]:
        kept = {name: value for name, value in level.items() if name != "tf_adjustment_column"}
        if not level.get("is_null_level"):
            kept |= {"m_probability": _SAYS_NOTHING, "u_probability": _SAYS_NOTHING}
        levels.append(kept)
    return {**comparison, "comparison_levels": levels}


def _trusting(model: MatchModel) -> Cautions:
    """Name and birth date alone link whatever speaks against them."""
    return replace(model.cautions, uncorroborated="FALSE", opposed="FALSE")


def _lesser(thresholds: Thresholds) -> Iterator[tuple[str, Thresholds]]:
    """The margin at next to nothing still contests what a rival outweighs."""
    yield "cohesion", replace(thresholds, cohesion=_NO_COHESION)
    yield "second-best margin", replace(thresholds, margin=_LEAST_MARGIN)


def _judged(name: str, found: Persons, dataset: Dataset) -> Ablated:
    kin = relatives(found.clusters, dataset)
    truth = {number: dataset.truth[number] for number, _ in dataset.records}
    return Ablated(name, pairwise(found.clusters, truth), kin.wrong if kin else 0, len(found.tasks))
