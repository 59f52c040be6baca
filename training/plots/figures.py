"""Figures of a model folder, and their links in its card.

They are in ``plots/`` in the model's folder and belong to no checksum: a model is the same with and
without its figures.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpi.matching.model.scoring_parameters import read_parameters
from training.blocking import RuleContribution
from training.plots.canvas import draw_figures
from training.plots.evaluation_figures import (
    draw_blocking_recall,
    draw_calibration,
    draw_expected_blocking,
    list_active_rules,
)
from training.plots.weights import FixedLevels, draw_m_and_u, draw_match_weights

FOLDER = "plots"
_WEIGHTS, _M_AND_U, _EXPECTED = "match-weights", "m-and-u", "blocking-expected"
_CALIBRATION, _RECALL = "calibration", "blocking-recall"

FITTED_LINKS = (
    f"Figures, where the extra `plots` was installed: [match weights]({FOLDER}/{_WEIGHTS}.svg), "
    f"[m and u]({FOLDER}/{_M_AND_U}.svg), [what each blocking rule adds]({FOLDER}/{_EXPECTED}.svg)."
)
"""Links for the card of a fitted model.

The text is the same with and without the extra, and so is the model's digest.
"""

FITTED_FIGURES = tuple(f"{name}.svg" for name in (_WEIGHTS, _M_AND_U, _EXPECTED))
"""Files of the figures that need no evaluation."""

_TITLES = {_CALIBRATION: "calibration", _RECALL: "blocking recall"}


def link_evaluation_figures(paths: Sequence[Path]) -> str:
    """Return the model card's links to the figures of an evaluation.

    Args:
        paths: paths of the drawn files.
    """
    links = (f"[{_TITLES[path.stem]}]({FOLDER}/{path.name})" for path in paths)
    return f"Figures: {', '.join(links)}."


def draw_model(
    folder: Path,
    settings: Mapping[str, Any],
    fixed: FixedLevels,
    rules: Sequence[RuleContribution] | None = None,
) -> list[Path]:
    """Draw a model's weights and blocking, which need no truth, in figures.

    Args:
        folder: folder of the model.
        settings: complete Splink settings of the model.
        fixed: comparison and label of the levels whose weight was not learned.
        rules: contribution of each blocking rule; None if it is not known any more.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    levels = read_parameters(settings)
    factories = {
        _WEIGHTS: lambda: draw_match_weights(levels, fixed),
        _M_AND_U: lambda: draw_m_and_u(levels, fixed),
    }
    if rules is not None:
        factories[_EXPECTED] = lambda: draw_expected_blocking(rules)
    return draw_figures(folder / FOLDER, factories)


def draw_evaluation(folder: Path, evaluation: Mapping[str, Any]) -> list[Path]:
    """Draw the calibration and blocking figures of a model's evaluation.

    Args:
        folder: folder of the model.
        evaluation: content that ``training evaluate --json`` printed.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    factories = {_CALIBRATION: lambda: draw_calibration(evaluation)}
    if any(list_active_rules(result) for result in evaluation["sets"].values()):
        factories[_RECALL] = lambda: draw_blocking_recall(evaluation)
    return draw_figures(folder / FOLDER, factories)
