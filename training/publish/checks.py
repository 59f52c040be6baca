"""What a model must be before it is published."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.model import MODEL_FILES, MatchModel, load_model
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_OCCURRENCES
from training.fit.model_writer import format_checksums_toml
from training.fit.thresholds import CLEARANCE
from training.plots.canvas import can_draw
from training.plots.figures import FOLDER, draw_evaluation, link_evaluation_figures
from training.publish.card_results import format_results, read_evaluation


def publish_model(folder: Path, models: Path, evaluation: Path | None = None) -> Path:
    """Check a model and copy it to ``models/<name>/<version>``.

    Args:
        folder: that ``training fit`` wrote.
        models: where published models live.
        evaluation: what ``training evaluate --json`` printed of the folder, for the card; None for none.

    Returns:
        The published folder.

    Raises:
        ModelError: the folder does not load or compile; so also a level that training never saw.
        TrainingError: that version is published already, a threshold lies on the weight of a pair of
            the training data, a listed value may be borne by fewer records than may be told, or the
            evaluation is none of this model.
    """
    model = load_model(folder)
    found = None if evaluation is None else read_evaluation(evaluation, model)
    compile_scorer(model)
    metrics = json.loads((folder / "metrics.json").read_text())
    if "threshold_gaps" not in metrics:
        raise TrainingError(f"{folder}: only what `training fit` wrote is published: use the folder as it is")
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
    if found is not None:
        _add_to_card(target, format_results(found) + _draw_results(target, found))
    return target


def _draw_results(target: Path, found: Mapping[str, Any]) -> str:
    """Draw what was found, where that can be; the card's line about it."""
    if not can_draw():
        return ""
    return f"\n{link_evaluation_figures(draw_evaluation(target, found))}\n"


def _add_to_card(folder: Path, section: str) -> None:
    card, head = folder / "card.md", folder / "model.toml"
    card.write_text(f"{card.read_text('utf-8')}\n{section}", encoding="utf-8", newline="")
    stated = head.read_text("utf-8")
    head.write_text(stated[: stated.index("[sha256]")] + format_checksums_toml(folder), encoding="utf-8")


def _check_frequencies(model: MatchModel, records: int) -> None:
    """A value's bearers are at most its share of all records."""
    for column, table in model.frequencies.tables.items():
        rarest = min(table.values(), default=1.0)
        if round(rarest * records) < LEAST_OCCURRENCES:
            raise TrainingError(
                f"frequencies.csv lists a value of {column} that fewer than {LEAST_OCCURRENCES} records bear"
            )
