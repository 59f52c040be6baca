"""``python -m training fit``: learn a model from unlabelled records."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.fit.errors import TrainingError
from training.fit.fitting import FitOptions, fit_table
from training.fit.thresholds import choose_thresholds
from training.fit.writing import Identity, write_model
from training.standing import standing_features


def run(
    data: Annotated[list[Path], typer.Option(help="CSV or Parquet with canonical columns.")],
    out: Annotated[Path, typer.Option(help="Folder for the model; made if absent.")],
    name: Annotated[str, typer.Option(help="What the model is called.")] = "local",
    version: Annotated[str, typer.Option(help="Its version.")] = "1",
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 2026,
) -> None:
    """Fit a model to records that nobody has labelled."""
    console = Console(stderr=True)
    with console.status("Reading and standardizing"):
        records = standing_features(data)
    if not len(records):
        raise TrainingError("the files hold no record that can be used")
    with console.status(f"Fitting to {len(records):,} records"):
        fitted = fit_table(records, FitOptions(seed=seed))
    for missing in fitted.dropped:
        console.print(f"left out: {missing} (its columns are empty everywhere)")
    write_model(out, Identity(name, version), fitted, choose_thresholds(fitted.learned.bits))
    Console().print(f"{out}: {fitted.matches:,.0f} matches expected")
