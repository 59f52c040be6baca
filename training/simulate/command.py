"""``python -m training simulate``: write a synthetic state."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training.simulate.census import census_names
from training.simulate.names import faker_names
from training.simulate.output import save_all
from training.simulate.rates import load
from training.simulate.simulation import stream
from training.simulate.tables import Format


def run(
    out: Annotated[Path, typer.Option(help="Folder for the files; made if absent.")],
    records: Annotated[
        int, typer.Option(min=200, help="Source records to aim at; memory does not grow with them.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    children: Annotated[
        int | None, typer.Option(min=150, help="Children to aim at, instead of records.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="Folder of census name tables, for more lifelike names.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the files are written.")] = Format.CSV,
) -> None:
    """Simulate a state: two districts, the state's student-ID file and child welfare, with the truth."""
    rates = load()
    book = faker_names(rates.names.tail_share, rates.names.surname_tail_share)
    if names is not None:
        book = census_names(names, book)
    populations = stream(records=records, seed=seed, children=children, book=book, rates=rates)
    manifest = save_all(populations, out, form)
    table = Table("file", "records", title=f"Synthetic state, seed {seed}")
    by_source = manifest["records_by_source"]
    if isinstance(by_source, dict):
        for source, count in by_source.items():
            table.add_row(f"{source}.{form}", f"{count:,}")
    Console().print(table)
