"""Which figures a model's folder holds, and what the card says of them.

They stand in ``plots/`` beside the model's files and belong to no checksum: a model is the same with and
without its pictures.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpi.matching.model.levels import read_parameters
from training.blocking import RuleContribution
from training.plots.canvas import draw_figures
from training.plots.evidence import draw_expected_blocking, draw_blocking_recall, draw_calibration, list_active_rules
from training.plots.weights import FixedLevels, draw_m_and_u, draw_match_weights

FOLDER = "plots"
_WEIGHTS, _M_AND_U, _EXPECTED = "match-weights", "m-and-u", "blocking-expected"
_CALIBRATION, _RECALL = "calibration", "blocking-recall"

FITTED_LINKS = (
    f"Figures, where the extra `plots` was installed: [match weights]({FOLDER}/{_WEIGHTS}.svg), "
    f"[m and u]({FOLDER}/{_M_AND_U}.svg), [what each blocking rule adds]({FOLDER}/{_EXPECTED}.svg)."
)
"""For the card of a fit. It says the same with and without the extra, and so does the model's digest."""

_TITLES = {_CALIBRATION: "calibration", _RECALL: "blocking recall"}


def link_evaluation_figures(drawn: Sequence[Path]) -> str:
    """For the section of a card that tells of an evaluation: what was drawn of it."""
    links = (f"[{_TITLES[path.stem]}]({FOLDER}/{path.name})" for path in drawn)
    return f"Figures: {', '.join(links)}."


def draw_model(
    folder: Path, settings: Mapping[str, Any], stated: FixedLevels, rules: Sequence[RuleContribution] | None = None
) -> list[Path]:
    """Draw what can be told without the truth.

    Args:
        folder: of the model.
        settings: its Splink settings, complete.
        stated: comparison and label of the levels whose weight was not learned.
        rules: what each blocking rule adds; None where that is not known any more.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    levels = read_parameters(settings)
    drawings = {
        _WEIGHTS: lambda: draw_match_weights(levels, stated),
        _M_AND_U: lambda: draw_m_and_u(levels, stated),
    }
    if rules is not None:
        drawings[_EXPECTED] = lambda: draw_expected_blocking(rules)
    return draw_figures(folder / FOLDER, drawings)


def draw_evaluation(folder: Path, evaluation: Mapping[str, Any]) -> list[Path]:
    """Draw what an evaluation found.

    Args:
        folder: of the model.
        evaluation: what ``training evaluate --json`` printed of it.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    drawings = {_CALIBRATION: lambda: draw_calibration(evaluation)}
    if any(list_active_rules(found) for found in evaluation["sets"].values()):
        drawings[_RECALL] = lambda: draw_blocking_recall(evaluation)
    return draw_figures(folder / FOLDER, drawings)
