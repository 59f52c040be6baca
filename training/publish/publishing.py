"""What a model must be before it is published."""

import json
import shutil
from pathlib import Path
from typing import Any

from mpi.matching.model import FILES, MatchModel, load_model
from mpi.matching.scorer import compile_scorer
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_BEARERS
from training.fit.thresholds import CLEARANCE
from training.fit.writing import checksums_toml
from training.publish.measured import measured


def publish(folder: Path, models: Path, evaluation: Path | None = None) -> Path:
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
    section = None if evaluation is None else measured(_evaluation(evaluation, model))
    compile_scorer(model)
    metrics = json.loads((folder / "metrics.json").read_text())
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
    for name in ("model.toml", *FILES):
        shutil.copyfile(folder / name, target / name)
    if section is not None:
        _add_to_card(target, section)
    return target


def _evaluation(path: Path, model: MatchModel) -> dict[str, Any]:
    try:
        evaluation = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise TrainingError(f"{path}: cannot be read as what evaluate --json prints: {fault}") from None
    if not isinstance(evaluation, dict) or evaluation.get("digest") != model.digest:
        raise TrainingError(f"{path}: it was measured with another model than {model.ref} in this folder")
    return evaluation


def _add_to_card(folder: Path, section: str) -> None:
    card, head = folder / "card.md", folder / "model.toml"
    card.write_text(f"{card.read_text('utf-8')}\n{section}", encoding="utf-8", newline="")
    stated = head.read_text("utf-8")
    head.write_text(stated[: stated.index("[sha256]")] + checksums_toml(folder), encoding="utf-8")


def _check_frequencies(model: MatchModel, records: int) -> None:
    """A value's bearers are at most its share of all records."""
    for column, table in model.frequencies.tables.items():
        rarest = min(table.values(), default=1.0)
        if round(rarest * records) < LEAST_BEARERS:
            raise TrainingError(
                f"frequencies.csv lists a value of {column} that fewer than {LEAST_BEARERS} records bear"
            )
