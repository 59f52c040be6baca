"""Command ``python -m training wrap``: import a model that Splink trained."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mpi.domain.weight import Thresholds
from training.current_records import read_current_records
from training.file_layouts import FormatOption, MappingOption, read_layouts
from training.fit.errors import TrainingError
from training.fit.model_writer import ModelIdentity
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
    mapping: MappingOption = None,
    file_format: FormatOption = None,
) -> None:
    """Wrap settings that Splink trained on the index's features as a model."""
    try:
        thresholds = Thresholds(link=link, review=review, margin=margin)
    except ValueError as error:
        raise TrainingError(str(error)) from None
    records = read_current_records(data, read_layouts(data, mapping or [], file_format or [])).features
    wrap_settings(settings, records, out, ModelIdentity(name, version), thresholds)
    Console().print(f"{out}: frequencies of {len(records):,} records")
