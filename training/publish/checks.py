"""Check a fitted model and publish it under ``models/``."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import MODEL_FILES, MatchModel, load_model
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_OCCURRENCES
from training.fit.limits.thresholds import CLEARANCE
from training.fit.model_writer import format_checksums_toml
from training.plots.canvas import can_draw
from training.plots.figures import FOLDER, draw_evaluation, link_evaluation_figures
from training.publish.card_results import format_results, read_evaluation


def publish_model(folder: Path, models: Path, evaluation: Path | None = None) -> Path:
    """Check a fitted model and copy it to ``models/<name>/<version>``.

    Args:
        folder: folder that ``training fit`` wrote.
        models: folder of published models.
        evaluation: file that ``training evaluate --json`` printed of the model, for the card; None for
            none.

    Returns:
        The published folder.

    Raises:
        ModelError: the folder does not load or compile; so also a level that training never observed.
        TrainingError: the version is published already, a threshold lies on the weight of a pair of the
            training data, too few records share a listed value, or the evaluation is of another model.
    """
    model = load_model(folder)
    results = None if evaluation is None else read_evaluation(evaluation, model)
    compile_scorer(model)
    metrics = json.loads((folder / "metrics.json").read_text())
    if "threshold_gaps" not in metrics:
        raise TrainingError(f"{folder}: publish only a folder that `training fit` wrote")
    _check_frequencies(model, metrics["records"])
    for name, bits in metrics["threshold_gaps"].items():
        if bits <= CLEARANCE:
            raise TrainingError(
                f"the {name} threshold is within {CLEARANCE} bits of the weight of a pair: engines may "
                "disagree on its band; move it"
            )
    target = models / model.name / model.version
    if target.exists():
        raise TrainingError(f"{target} is published already: choose another --version when fitting")
    target.mkdir(parents=True)
    for name in ("model.toml", *MODEL_FILES):
        shutil.copyfile(folder / name, target / name)
    if (folder / FOLDER).is_dir():
        shutil.copytree(folder / FOLDER, target / FOLDER)
    if results is not None:
        _add_to_card(target, format_results(results) + _draw_results(target, results))
    return target


def _draw_results(target: Path, results: Mapping[str, Any]) -> str:
    """Draw an evaluation's figures if possible; return the model card's links."""
    if not can_draw():
        return ""
    return f"\n{link_evaluation_figures(draw_evaluation(target, results))}\n"


def _add_to_card(folder: Path, section: str) -> None:
    """Append a section to the model card and update the checksums."""
    card, head = folder / "card.md", folder / "model.toml"
    card.write_text(f"{card.read_text('utf-8')}\n{section}", encoding="utf-8", newline="")
    head_text = head.read_text("utf-8")
    head.write_text(
        head_text[: head_text.index("[sha256]")] + format_checksums_toml(folder), encoding="utf-8"
    )


def _check_frequencies(model: MatchModel, records: int) -> None:
    """Refuse a frequency table that lists a value of too few records.

    At most the value's share of all records have it.
    """
    for column, table in model.frequencies.tables.items():
        rarest = min(table.values(), default=1.0)
        if round(rarest * records) < LEAST_OCCURRENCES:
            raise TrainingError(
                f"frequencies.csv lists a value of {column} that fewer than {LEAST_OCCURRENCES} records have"
            )
