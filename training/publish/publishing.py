"""What a model must be before it is published."""

import shutil
from pathlib import Path

from mpi.matching.model import FILES, load_model
from mpi.matching.scorer import compile_scorer
from training.fit.errors import TrainingError


def publish(folder: Path, models: Path) -> Path:
    """Check a model and copy it to ``models/<name>/<version>``.

    Returns:
        The published folder.

    Raises:
        ModelError: the folder does not load or compile; so also a level that training never saw.
        TrainingError: that version is published already.
    """
    model = load_model(folder)
    compile_scorer(model)
    target = models / model.name / model.version
    if target.exists():
        raise TrainingError(f"{target} is published already: choose another --version when fitting")
    target.mkdir(parents=True)
    for name in ("model.toml", *FILES):
        shutil.copyfile(folder / name, target / name)
    return target
