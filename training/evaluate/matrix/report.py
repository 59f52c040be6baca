"""Printed table of the matrix."""

import json
from typing import Any

import typer

from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.matrix.cells import Cell
from training.evaluate.matrix.measurement import Measurement
from training.evaluate.matrix.run import MatrixOptions, run_matrix

_HEADER = (
    f"{'cell':44} {'records':>7} {'matches':>7} | {'nb95':>6} {'nbBest':>6} {'FP':>6} {'FN':>6} | "
    f"{'resP':>6} {'resR':>6} {'resF1':>6} {'FP':>6} {'FN':>6} | {'opP':>6} {'opR':>6} {'FP':>5} {'FN':>6} "
    f"{'nb998':>6} | {'review':>6} {'block':>6} {'est':>6} {'expFL':>6} {'obsFL':>6} {'equal':>6} {'s':>5}"
)


def print_matrix(cells: list[tuple[Cell, CanonicalSet]], options: MatrixOptions, *, as_json: bool) -> None:
    """Measure cells and print each as it comes, or all as JSON.

    Args:
        cells: the cells with their records.
        options: options of the run.
        as_json: whether to print JSON instead of a table.
    """
    if as_json:
        typer.echo(json.dumps(run_matrix(cells, options, lambda _cell: None)))
        return
    typer.echo(_HEADER)
    run_matrix(cells, options, lambda cell: typer.echo(format_line(cell)))


def format_line(cell: Measurement) -> str:
    """Format one measured cell as a line of the table."""
    notebook, research, operational = cell["notebook"], cell["research"], cell["operational"]
    strict = notebook["at_precision_998"] or notebook["highest_precision"]
    mark = " " if notebook["at_precision_998"] else "^"
    blocking, false_links = cell["blocking"] or {}, cell["false_links"] or {}
    observed = false_links.get("observed") or {}
    figures = (
        f"{cell['cell']:44} {cell['records']:7} {cell['matches']:7} | {notebook['at_95']['f1']:6.4f} "
        f"{notebook['best']['f1']:6.4f} {_errors(notebook['best'])} | {_rates(research)} {research['f1']:6.4f} "
        f"{_errors(research)} | {_rates(operational)} {operational['false_pairs']:5} "
        f"{operational['missed_pairs']:6} {strict['missed_pairs']:5}{mark} | "
        f"{cell['review_tasks'] / cell['records']:6.4f} {_number(blocking.get('recall'))} "
        f"{_number(blocking.get('estimated_recall'))} {_number(false_links.get('expected'), 1)} "
        f"{_number(observed.get('value'), 1)} {cell['indistinguishable_pairs']:6} {cell['seconds']:5.0f}"
    )
    return figures + (f"  ERROR {cell['error']}" if cell["error"] else "")


def _errors(point: dict[str, Any]) -> str:
    """Format the false and missed pairs of a partition."""
    return f"{point['false_pairs']:6} {point['missed_pairs']:6}"


def _rates(point: dict[str, Any]) -> str:
    """Format the precision and recall of a partition."""
    return f"{point['precision']:6.4f} {point['recall']:6.4f}"


def _number(value: float | None, digits: int = 4) -> str:
    """Format a figure that may be missing."""
    return f"{'-':>6}" if value is None else f"{value:6.{digits}f}"
