"""Command ``python -m training simulate``: write a synthetic state."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mpi.cli.progress import show_progress
from mpi.domain.errors import InputError
from training.simulate.education.extract import write_education
from training.simulate.files.feed_files import FeedPlan, save_feeds
from training.simulate.files.feeds import estimate_children
from training.simulate.files.output import save_populations
from training.simulate.files.tables import FileFormat
from training.simulate.people.census_names import read_census_names
from training.simulate.people.names import build_faker_names
from training.simulate.rates import load_rates
from training.simulate.simulation import simulate_in_blocks


def run(  # noqa: PLR0913, PLR0917 - a parameter for each option
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
    form: Annotated[FileFormat, typer.Option("--format", help="How the files are written.")] = FileFormat.CSV,
    weeks: Annotated[
        int | None,
        typer.Option(min=1, max=1_040, help="Weekly feeds for so many weeks after a first, as CSV."),
    ] = None,
    education: Annotated[
        bool, typer.Option("--education", help="Write an education extract of a school year, too.")
    ] = False,
) -> None:
    """Simulate a state of two districts, a student-ID file and child welfare.

    The truth is written, too. With --weeks, each week has a folder: the first holds everything, the
    others hold what each source sends of later events. feeds.csv lists the files in loading order.
    """
    rates = load_rates()
    book = build_faker_names(rates.names.tail_share, rates.names.surname_tail_share)
    if names is not None:
        book = read_census_names(names, book)
    if weeks is not None and form is not FileFormat.CSV:
        raise InputError("weekly feeds are CSV: leave out --format, or --weeks")
    if weeks is not None and education:
        raise InputError("the education extract is of one state: leave out --education, or --weeks")
    with show_progress() as report:
        if weeks is not None:
            size = children or estimate_children(records, seed, weeks, rates, book)
            manifest = save_feeds(
                FeedPlan(seed=seed, children=size, weeks=weeks, book=book, rates=rates), out, report
            )
        else:
            populations = simulate_in_blocks(records, seed, children, book, rates, report)
            if education:
                populations = write_education(populations, out, form)
            manifest = save_populations(populations, out, form)
    if weeks is None:
        _print_counts(manifest, f"Synthetic state, seed {seed}", f".{form}")
    else:
        _print_counts(manifest, f"{weeks} weeks, seed {seed}", "")


def _print_counts(manifest: dict[str, Any], title: str, ending: str) -> None:
    """Print the numbers of records in a simulated state."""
    table = Table("file" if ending else "source", "records", title=title)
    for source, count in manifest["records_by_source"].items():
        table.add_row(f"{source}{ending}", f"{count:,}")
    Console().print(table)
