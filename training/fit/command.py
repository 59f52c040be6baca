"""Command ``python -m training fit``: learn a model from unlabelled records."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from mpi.intake.column_use import describe_cost, describe_set_aside
from training.column_report import explain_dropped_comparison
from training.current_records import CurrentRecords, read_current_records
from training.file_layouts import FormatOption, MappingOption, read_layouts
from training.fit.card import (
    CALIBRATION_COLUMNS,
    CALIBRATION_TITLE,
    describe_budget,
    describe_recall,
    format_rates,
)
from training.fit.comparisons import list_fixed_levels
from training.fit.decision_labels import read_decisions
from training.fit.errors import TrainingError
from training.fit.fit import FitOptions, fit_table
from training.fit.model_writer import ModelIdentity, write_model
from training.fit_calibration import FitCalibration
from training.plots.canvas import can_draw
from training.plots.figures import draw_model
from training.records import SOURCE_COLUMN


def run(  # noqa: PLR0913, PLR0917 - typer takes one parameter per option
    data: Annotated[
        list[Path], typer.Option(help="CSV or Parquet with canonical columns, or see --mapping.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model; made if absent.")],
    name: Annotated[str, typer.Option(help="What the model is called.")] = "local",
    version: Annotated[str, typer.Option(help="Its version.")] = "1",
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 2026,
    index_size: Annotated[
        int | None,
        typer.Option(min=1, help="Records that the index will hold; as many as are given by default."),
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="What stewards decided, as `mpi export labels` writes it.")
    ] = None,
    mapping: MappingOption = None,
    file_format: FormatOption = None,
) -> None:
    """Fit a model to records, of which nobody need have labelled any."""
    layouts = read_layouts(data, mapping or [], file_format or [])
    console = Console(stderr=True)
    with console.status("Reading and standardizing"):
        current = read_current_records(data, layouts)
    _print_columns(console, current)
    records = current.features
    if not len(records):
        raise TrainingError("the files hold no record that can be used")
    labels = None if decisions is None else _load_labels(console, decisions, current)
    with console.status(f"Fitting to {len(records):,} records"):
        fitted = fit_table(
            records, FitOptions(seed=seed, index_size=index_size), labels, _map_sources(current)
        )
    for comparison in fitted.dropped:
        console.print(f"left out: {comparison} ({explain_dropped_comparison(comparison, current.columns)})")
    for note in fitted.comparison_notes:
        console.print(note)
    if not fitted.link_budget.is_kept:
        console.print(describe_budget(fitted.link_budget), highlight=False)
    _print_calibration(console, fitted.calibration)
    write_model(out, ModelIdentity(name, version), fitted, fitted.thresholds)
    if can_draw():
        draw_model(out, fitted.settings, list_fixed_levels(), fitted.blocking.contributions)
    else:
        console.print("plots left out: they need the extra `plots`")
    Console().print(f"{out}: {fitted.matches:,.0f} matches expected")


def _print_columns(console: Console, current: CurrentRecords) -> None:
    """Print what is read and set aside of each column."""
    for name in current.empty_files:
        console.print(f"{name}: no rows", highlight=False, markup=False)
    if current.superseded:
        console.print(
            f"repeated local IDs: {current.superseded:,} rows are earlier versions of a record of the same "
            "source and local ID; the latest of each counts"
        )
    if current.refused:
        console.print(f"refused: {current.refused:,} rows; `mpi ingest --dry-run` tells why")
    for use in current.columns:
        console.print(f"{use.name}: {use.read:,} values read, {use.used:,} used", highlight=False)
        if use.set_aside:
            console.print(f"  set aside: {describe_set_aside(use)}", highlight=False, markup=False)
        if cost := describe_cost(use):
            console.print(f"  {cost}", highlight=False)


def _print_calibration(console: Console, calibration: FitCalibration) -> None:
    """Print expected false and missed links by evidence and group."""
    table = Table(*CALIBRATION_COLUMNS, title=CALIBRATION_TITLE)
    for row in format_rates(calibration):
        table.add_row(*row)
    console.print(table)
    console.print(describe_recall(calibration), highlight=False)


def _map_sources(current: CurrentRecords) -> dict[int, str]:
    """Return the source of each record."""
    labels = current.record_labels
    return dict(zip(labels["unique_id"].to_pylist(), labels[SOURCE_COLUMN].to_pylist(), strict=True))


def _load_labels(console: Console, path: Path, current: CurrentRecords) -> pa.Table:
    """Read the usable labels and print how many there are."""
    decisions = read_decisions(path, current.record_labels)
    if not len(decisions.pairs):
        raise TrainingError(f"{path}: no label names two records of the given data")
    console.print(f"labels: {len(decisions.pairs):,} pairs")
    if decisions.unknown_count:
        console.print(
            f"labels left out: {decisions.unknown_count:,} name a record that is missing from the data, "
            "or there twice"
        )
    if decisions.contradicted_count:
        console.print(
            f"labels left out: {decisions.contradicted_count:,} contradict each other: correct the decisions"
        )
    return decisions.pairs
