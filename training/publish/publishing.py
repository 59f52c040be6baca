"""What a model must be before it is published."""

import json
import shutil
from pathlib import Path

from mpi.matching.model import FILES, MatchModel, load_model
from mpi.matching.scorer import compile_scorer
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_BEARERS
from training.fit.thresholds import CLEARANCE


def publish(folder: Path, models: Path) -> Path:
    """Check a model and copy it to ``models/<name>/<version>``.

    Returns:
        The published folder.

    Raises:
        ModelError: the folder does not load or compile; so also a level that training never saw.
        TrainingError: that version is published already, a threshold lies on the weight of a pair of
            the training data, or a listed value may be borne by fewer records than may be told.
    """
    model = load_model(folder)
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
    return target


def _check_frequencies(model: MatchModel, records: int) -> None:
    """A value's bearers are at most its share of all records."""
    for column, table in model.frequencies.tables.items():
        rarest = min(table.values(), default=1.0)
        if round(rarest * records) < LEAST_BEARERS:
            raise TrainingError(
                f"frequencies.csv lists a value of {column} that fewer than {LEAST_BEARERS} records bear"
            )
