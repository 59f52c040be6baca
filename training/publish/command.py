"""Command ``python -m training publish``: check and freeze a fitted model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.publish.checks import publish_model


def run(
    folder: Annotated[Path, typer.Argument(help="A folder that `training fit` wrote.")],
    evaluation: Annotated[
        Path | None,
        typer.Option(help="What `training evaluate --model FOLDER --json` printed, for the card."),
    ] = None,
    models: Annotated[Path, typer.Option(help="Where published models live.")] = Path("models"),
) -> None:
    """Publish a fitted model; a published version never changes."""
    Console().print(f"published {publish_model(folder, models, evaluation)}")
