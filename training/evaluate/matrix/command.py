"""Suite ``matrix`` of ``python -m training evaluate``."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from training.evaluate.matrix.cell_files import write_cell
from training.evaluate.matrix.cells import list_cells
from training.evaluate.matrix.judgement import compute_overall_ratio, judge_cell
from training.evaluate.matrix.measurement import Measurement
from training.evaluate.matrix.report import HEADER, format_line, format_markdown, format_summary
from training.evaluate.matrix.run import MatrixOptions, run_matrix


def run_suite(folder: Path, only: list[str] | None, options: MatrixOptions, *, as_json: bool) -> None:
    """Measure cells and print each as it comes, or all as JSON.

    Args:
        folder: folder of the development sets.
        only: names of sets or cells; None for all.
        options: options of the run.
        as_json: whether to print JSON instead of a table.
    """
    cells = list_cells(folder, only)
    if options.files is not None:
        for cell, data in cells:
            write_cell(options.files, cell, data)
    if as_json:
        typer.echo(json.dumps(_judge_all(run_matrix(cells, options, lambda _cell: None))))
        return
    typer.echo(HEADER)
    measurements = run_matrix(cells, options, lambda cell: typer.echo(format_line(cell)))
    typer.echo(format_summary(measurements))
    if options.results is not None:
        options.results.with_suffix(".md").write_text(format_markdown(measurements), encoding="utf-8")


def _judge_all(measurements: list[Measurement]) -> dict[str, object]:
    """Return the measured cells with their verdicts, for JSON."""
    verdicts = [judge_cell(cell) for cell in measurements]
    cells = [
        {**cell, "verdict": asdict(verdict)} for cell, verdict in zip(measurements, verdicts, strict=True)
    ]
    return {"cells": cells, "ratio": compute_overall_ratio(verdicts)}
