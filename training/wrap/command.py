"""Command ``python -m training wrap``: import a model that Splink trained."""

import csv
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Console

from mpi.domain.weight import Thresholds
from training.current_records import read_current_records
from training.file_layouts import FormatOption, MappingOption, read_layouts
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_OCCURRENCES
from training.fit.model_writer import ModelIdentity
from training.records import SOURCE_COLUMN
from training.wrap.score_check import ScoreCheck
from training.wrap.wrap import wrap_settings


def run(  # noqa: PLR0913, PLR0917 - typer takes one parameter per option
    settings: Annotated[Path, typer.Argument(help="What Splink's `save_model_to_json` wrote.")],
    data: Annotated[list[Path], typer.Option(help="CSV or Parquet, as for `fit`, for frequencies.")],
    out: Annotated[Path, typer.Option(help="Folder for the model; made if absent.")],
    link: Annotated[float, typer.Option(help="Bits from which a pair is linked.")],
    review: Annotated[float, typer.Option(help="Bits from which a pair is for a person.")],
    margin: Annotated[float, typer.Option(help="By how many bits the best match must beat the next.")] = 2.5,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "splink",
    version: Annotated[str, typer.Option(help="Its version.")] = "1",
    all_frequencies: Annotated[
        bool,
        typer.Option(
            "--all-frequencies", help="List rare values too. The folder then holds names of single children."
        ),
    ] = False,
    pairs: Annotated[
        Path | None, typer.Option(help="CSV file for each compared pair and its weights.")
    ] = None,
    mapping: MappingOption = None,
    file_format: FormatOption = None,
) -> None:
    """Wrap settings that Splink trained on the index's features as a model."""
    try:
        thresholds = Thresholds(link=link, review=review, margin=margin)
    except ValueError as error:
        raise TrainingError(str(error)) from None
    current = read_current_records(data, read_layouts(data, mapping or [], file_format or []))
    least = 1 if all_frequencies else LEAST_OCCURRENCES
    check = wrap_settings(settings, current.features, out, ModelIdentity(name, version), thresholds, least)
    console = Console()
    console.print(f"{out}: frequencies of {len(current.features):,} records", highlight=False)
    console.print(_describe_check(check), highlight=False)
    if pairs is not None:
        _write_pairs(pairs, check, current.record_labels)


def _describe_check(check: ScoreCheck) -> str:
    """Describe how the weights agree with Splink's own."""
    if not len(check.pairs):
        return "Splink blocks no pair of the records: no weight was compared with its own"
    equal = len(check.pairs) - check.unequal
    text = f"{equal:,} of {len(check.pairs):,} pairs weigh what Splink gives them"
    if not check.unequal:
        return text
    return (
        f"{text}; the others differ by up to {check.largest:.2f} bits, as fewer than {LEAST_OCCURRENCES} "
        "records have their name or other value, and the model does not list it (--all-frequencies does)"
    )


def _write_pairs(path: Path, check: ScoreCheck, record_labels: pa.Table) -> None:
    """Write each compared pair with both weights."""
    names = dict(
        zip(
            record_labels["unique_id"].to_pylist(),
            zip(record_labels[SOURCE_COLUMN].to_pylist(), record_labels["local_id"].to_pylist(), strict=True),
            strict=True,
        )
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("left_source", "left_local_id", "right_source", "right_local_id", "splink", "index"))
        for row in check.pairs.to_pylist():
            weights = (f"{row[name]:.6f}" for name in ("splink", "index"))
            writer.writerow((*names[row["lo"]], *names[row["hi"]], *weights))
