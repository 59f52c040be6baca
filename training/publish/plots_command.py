"""Command ``python -m training plots``: draw the figures of a model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mpi.matching.model.match_model import load_model
from training.fit.comparisons import list_fixed_levels
from training.plots.figures import draw_evaluation, draw_model
from training.publish.card_results import read_evaluation


def run(
    folder: Annotated[Path, typer.Argument(help="A model's folder.")],
    evaluation: Annotated[
        Path | None,
        typer.Option(
            help="What `training evaluate --model FOLDER --json` printed, for calibration and blocking."
        ),
    ] = None,
) -> None:
    """Draw match weights, m and u, and the figures of an evaluation.

    An evaluation adds calibration and blocking recall.
    """
    model = load_model(folder)
    paths = draw_model(folder, model.settings, list_fixed_levels())
    if evaluation is not None:
        paths += draw_evaluation(folder, read_evaluation(evaluation, model))
    for path in paths:
        Console().print(str(path))
