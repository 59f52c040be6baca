"""Command ``python -m training evaluate``: measure a model on known truth."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mpi.matching.model.match_model import MatchModel, find_model_folder, load_model
from training.evaluate import tables
from training.evaluate.acceptance import FITTED_SUFFIX, SIMULATED_SET, AcceptanceRow, build_acceptance_rows
from training.evaluate.datasets.dataset import Dataset, standardize_records
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS, TRUTH_COLUMN
from training.evaluate.datasets.saved_state import is_saved_state, load_saved_state
from training.evaluate.datasets.simulated_state import load_name_book, simulate_dataset
from training.evaluate.datasets.truth_file import load_truth_dataset
from training.evaluate.evaluation import Evaluation, evaluate_dataset
from training.evaluate.fitted_model import fit_and_load_model
from training.evaluate.golden_pairs import decide_golden_pairs
from training.evaluate.matrix.command import run_suite
from training.evaluate.matrix.run import MatrixOptions
from training.evaluate.measures import bias
from training.evaluate.measures.ablation import AblationRow, measure_ablation
from training.evaluate.measures.nightly_review import measure_feed_review
from training.evaluate.measures.stress_set import StressResult, build_stress_set, judge_stress_set
from training.evaluate.model_clusters import partition_records, score_records
from training.evaluate.token_suite import run_token_suite
from training.file_layouts import FormatOption, MappingOption, read_layouts
from training.fit.errors import TrainingError
from training.records import read_rows

STRESS_SET, GOLDEN_SET, FEED_SET = "strangers", "golden", "feed"
SIMULATED_RECORDS, STRESS_CHILDREN, STRESS_PAIRS, FEED_RECORDS = 100_000, 130_000, 3_200, 20_000
ABLATED_RECORDS = 30_000
BIAS_EXIT_CODE = 3
"""Exit code if a group of children exceeds the bias gap."""

_SUITE_SETS = (
    *(each.name for each in DEVELOPMENT_SETS if not each.is_in_matrix_only),
    SIMULATED_SET,
    STRESS_SET,
    GOLDEN_SET,
    FEED_SET,
)
DEV_SUITE, MATRIX_SUITE, TOKEN_SUITE = "dev", "matrix", "tokens"
_NAME_TABLES = "names"


def run(  # noqa: PLR0913, PLR0917 - typer takes one parameter per option
    data: Annotated[
        list[Path], typer.Option(help="Files with the truth, a simulated state's or the suite's folder.")
    ],
    truth_column: Annotated[str, typer.Option(help="Column that tells the true person.")] = TRUTH_COLUMN,
    truth: Annotated[
        Path | None,
        typer.Option(help="CSV with source, local_id and person_id, instead of a column of the files."),
    ] = None,
    mapping: MappingOption = None,
    file_format: FormatOption = None,
    suite: Annotated[
        str | None,
        typer.Option(help="'dev': the public sets under --data; 'matrix': cut to few fields; 'tokens'."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Sets of the suite, or cells SET/SUBSET; all by default.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="NAME/VERSION or a folder.")] = None,
    with_ablation: Annotated[bool, typer.Option("--ablation", help="What each part buys.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes of the matrix.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps the notebook's scores.")] = None,
    results_file: Annotated[
        Path | None, typer.Option("--results", help="JSON file of the matrix; resumed if present.")
    ] = None,
    cell_files: Annotated[Path | None, typer.Option(help="Folder for the matrix's cells as CSV.")] = None,
) -> None:
    """Evaluate a model, exact matching and plain Splink on the same records."""
    if suite == MATRIX_SUITE:
        run_suite(data[0], only, MatrixOptions(cache, results_file, jobs, cell_files), as_json=as_json)
        return
    loaded = load_model(find_model_folder(model))
    if suite == TOKEN_SUITE:
        run_token_suite(loaded, data[0], only, as_json=as_json)
        return
    layouts = read_layouts(data, mapping or [], file_format or [])
    if layouts and truth is None:
        raise TrainingError("--mapping and --format need --truth: a mapped file has no column of the truth")
    if suite is not None and (layouts or truth is not None):
        raise TrainingError("--truth, --mapping and --format are of your own files: leave --suite out")
    results: dict[str, Evaluation] = {}
    stress, golden, weekly_review = None, None, None
    if suite is None:
        dataset = load_truth_dataset(data, layouts, truth) if truth else _read_files(data, truth_column)
        results[dataset.name] = evaluate_dataset(loaded, dataset)
    else:
        wanted_sets = _select_sets(suite, only)
        for set_model, dataset in _load_sets(loaded, wanted_sets, data[0]):
            results[dataset.name] = evaluate_dataset(set_model, dataset)
        stress = _run_stress_set(loaded, data[0]) if STRESS_SET in wanted_sets else None
        weekly_review = (
            measure_feed_review(loaded, FEED_RECORDS, data[0] / _NAME_TABLES)
            if FEED_SET in wanted_sets
            else None
        )
        # The golden pairs run in their own index, which uses the shipped model.
        golden = decide_golden_pairs(data[0]) if GOLDEN_SET in wanted_sets and model is None else None
    ablation_rows = (
        list(measure_ablation(loaded, _load_ablation_set(suite, data, truth_column))) if with_ablation else []
    )
    acceptance = build_acceptance_rows(results, stress, golden, weekly_review)
    bias_lines = [f"{name}: {line}" for name, each in results.items() for line in bias.find_gaps(each.groups)]
    if as_json:
        content = {
            "model": loaded.ref,
            "digest": loaded.digest,
            "sets": {name: asdict(result) for name, result in results.items()},
            "strangers": asdict(stress) if stress else None,
            "golden": asdict(golden) if golden else None,
            "feed": asdict(weekly_review) if weekly_review else None,
            "ablation": [asdict(row) for row in ablation_rows],
            "must_show": [asdict(row) for row in acceptance],
            "bias_past_gap": bias_lines,
        }
        typer.echo(json.dumps(content))
    else:
        _print_tables(results, stress, ablation_rows, acceptance)
    _exit_if_biased(bias_lines)


def _read_files(data: list[Path], truth_column: str) -> Dataset:
    """Read record files, or a saved simulated state, as an evaluation dataset."""
    if len(data) == 1 and is_saved_state(data[0]):
        return load_saved_state(data[0])
    rows = [row for path in data for row in read_rows(path, (truth_column,))]
    truth = {number: row.extra_columns[truth_column] for number, row in enumerate(rows)}
    sources = dict(enumerate(row.source for row in rows))
    return Dataset("records", standardize_records(rows), truth, sources=sources)


def _select_sets(suite: str, only: list[str] | None) -> tuple[str, ...]:
    """Return the evaluation sets that the command line asks for."""
    if suite != DEV_SUITE:
        raise TrainingError(
            f"there is no suite {suite!r}; use {DEV_SUITE!r}, {MATRIX_SUITE!r} or {TOKEN_SUITE!r}"
        )
    unknown_sets = [name for name in only or () if name not in _SUITE_SETS]
    if unknown_sets:
        raise TrainingError(f"the suite has no set {unknown_sets[0]!r}; it has {', '.join(_SUITE_SETS)}")
    return tuple(only or _SUITE_SETS)


def _load_sets(
    model: MatchModel, wanted_sets: tuple[str, ...], folder: Path
) -> Iterator[tuple[MatchModel, Dataset]]:
    """Yield each wanted evaluation set with the model to evaluate on it."""
    for development_set in DEVELOPMENT_SETS:
        if development_set.name in wanted_sets:
            dataset = development_set.load_dataset(folder)
            if development_set.uses_shipped_model:
                yield model, dataset
            if development_set.uses_own_model:
                own_dataset = (
                    replace(dataset, name=f"{development_set.name}{FITTED_SUFFIX}")
                    if development_set.uses_shipped_model
                    else dataset
                )
                sources = dataset.source_by_record
                _, own_model = fit_and_load_model(development_set.name, dataset.records, sources)
                yield own_model, own_dataset
    if SIMULATED_SET in wanted_sets:
        yield model, simulate_dataset(SIMULATED_RECORDS, folder / _NAME_TABLES)


def _run_stress_set(model: MatchModel, folder: Path) -> StressResult:
    """Evaluate the model on simulated strangers of one name and birth date."""
    stress = build_stress_set(STRESS_CHILDREN, STRESS_PAIRS, load_name_book(folder / _NAME_TABLES))
    return judge_stress_set(
        partition_records(score_records(model, stress.dataset.records), model.thresholds), stress
    )


def _load_ablation_set(suite: str | None, data: list[Path], truth_column: str) -> Dataset:
    """Load the dataset on which parts of the model are left out."""
    if suite is None:
        return _read_files(data, truth_column)
    return simulate_dataset(ABLATED_RECORDS, data[0] / _NAME_TABLES)


def _print_tables(
    results: dict[str, Evaluation],
    stress: StressResult | None,
    ablation_rows: list[AblationRow],
    acceptance: list[AcceptanceRow],
) -> None:
    """Print all results of an evaluation as tables."""
    console = Console()
    for result in results.values():
        tables.print_evaluation(console, result)
    if stress is not None:
        tables.print_stress_result(console, stress)
    if ablation_rows:
        tables.print_ablation(console, ablation_rows)
    if acceptance:
        tables.print_acceptance(console, acceptance)


def _exit_if_biased(bias_lines: list[str]) -> None:
    """Print where groups of children fare worse, and exit with an error."""
    for line in bias_lines:
        sys.stderr.write(f"bias past the gap: {line}\n")
    if bias_lines:
        raise typer.Exit(BIAS_EXIT_CODE)
