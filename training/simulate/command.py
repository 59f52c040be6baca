"""``python -m training simulate``: write a synthetic state."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training.simulate.output import save
from training.simulate.simulation import simulate


def run(
    out: Annotated[Path, typer.Option(help="Folder for the files; made if absent.")],
    records: Annotated[int, typer.Option(min=200, help="Source records to aim at.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    children: Annotated[
        int | None, typer.Option(min=150, help="Children to aim at, instead of records.")
    ] = None,
) -> None:
    """Simulate a state: two districts, the state's student-ID file and child welfare, with the truth."""
    manifest = save(simulate(records=records, seed=seed, children=children), out)
    table = Table("file", "records", title=f"Synthetic state, seed {seed}")
    by_source = manifest["records_by_source"]
    if isinstance(by_source, dict):
        for source, count in by_source.items():
            table.add_row(f"{source}.csv", f"{count:,}")
    Console().print(table)
