"""Command ``python -m training revise``: renew the cautions of a published model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.publish.revision import revise_model


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of the published model.")],
    version: Annotated[str, typer.Option(help="Version of the new model.")],
    out: Annotated[Path, typer.Option(help="Folder of the new model, to be published.")],
) -> None:
    """Write a model's cautions anew, with the same weights."""
    Console().print(f"wrote {revise_model(folder, version, out)}")
