"""Run of the matrix: cell after cell, resumable, on several processes."""

import fcntl
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.matrix.cells import Cell
from training.evaluate.matrix.measurement import Measurement, measure_cell


@dataclass(frozen=True, slots=True)
class MatrixOptions:
    """Options of a run of the matrix.

    Args:
        cache: folder of the notebook's scored pairs; None to keep none.
        results: JSON file of the measured cells; a cell that it holds is not measured again. None to write
            none.
        jobs: number of processes.
        files: folder in which each cell is written as CSV files; None to write none.
    """

    cache: Path | None = None
    results: Path | None = None
    jobs: int = 1
    files: Path | None = None


def run_matrix(
    wanted: list[tuple[Cell, CanonicalSet]], options: MatrixOptions, report: Callable[[Measurement], None]
) -> list[Measurement]:
    """Measure cells and write each result as it comes.

    Args:
        wanted: the cells with their records.
        options: options of the run.
        report: called with each measurement.

    Returns:
        Measurements in the order of the cells.
    """
    results = options.results
    measured = read_results(results) if results is not None and results.exists() else {}
    for cell, _ in wanted:
        if str(cell) in measured:
            report(measured[str(cell)])
    open_cells = [(cell, data) for cell, data in wanted if str(cell) not in measured]
    for measurement in _measure(open_cells, options):
        measured[measurement["cell"]] = measurement
        report(measurement)
        if results is not None:
            _add_result(results, measurement)
    return [measured[str(cell)] for cell, _ in wanted]


def read_results(path: Path) -> dict[str, Measurement]:
    """Read the measured cells of a results file, by name."""
    content: dict[str, Measurement] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _measure(cells: list[tuple[Cell, CanonicalSet]], options: MatrixOptions) -> Iterator[Measurement]:
    """Yield the measurements of cells as they end."""
    if options.jobs == 1:
        for cell, data in cells:
            yield measure_cell(cell, data, options.cache)
        return
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(measure_cell, cell, data, options.cache) for cell, data in cells]
        for task in as_completed(tasks):
            yield task.result()


def _add_result(path: Path, measurement: Measurement) -> None:
    """Add a cell to the results file, under a lock."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        measured = read_results(path) if path.exists() else {}
        measured[measurement["cell"]] = measurement
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
