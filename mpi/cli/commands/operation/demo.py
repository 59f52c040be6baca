"""Command ``mpi demo``: a demonstration on simulated data."""

from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path(".demo")
"""Default folder of the demonstration index."""


def run(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the API and pages at the end.")
    ] = True,
    records: Annotated[int, typer.Option(min=1_000, help="Source records to simulate.")] = 20_000,
    folder: Annotated[Path, typer.Option(help="Folder of the demo, kept for the next start.")] = FOLDER,
) -> None:
    """Simulate a small state and show how it is resolved."""
    from mpi.domain.training_tools import import_training_tools

    import_training_tools()
    from mpi.cli.demo import run as demo_run

    demo_run.run_demo(serving=serve, records=records, folder=folder)
