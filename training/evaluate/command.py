"""``python -m training evaluate``: how good is the shipped model on records whose truth is known?"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mpi.matching.model.model import MatchModel, find_model, load_model
from training.evaluate import tables
from training.evaluate.acceptance import OWN, SIMULATED, Promise, promises
from training.evaluate.datasets.dataset import Dataset, standardized
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS, TRUTH
from training.evaluate.datasets.saved_state import is_saved_state, saved_state
from training.evaluate.datasets.simulated_state import name_book, simulated_state
from training.evaluate.evaluation import Evaluation, measure
from training.evaluate.fitted_model import fitted_model
from training.evaluate.golden_pairs import golden_pairs
from training.evaluate.measures import bias
from training.evaluate.measures.ablation import Ablated, ablation
from training.evaluate.measures.nightly_review import feed_review
from training.evaluate.measures.stress_set import Strangers, judge_strangers, stress_set
from training.evaluate.model_clusters import persons, weigh
from training.fit.errors import TrainingError
from training.records import read_rows

STRANGERS, GOLDEN, FEED = "strangers", "golden", "feed"
SIMULATED_RECORDS, STRESS_CHILDREN, STRESS_PAIRS, FEED_RECORDS = 100_000, 130_000, 3_200, 20_000
ABLATED_RECORDS = 30_000
BIASED = 3
"""Exit code where a group lies past the gap."""

_NAMES = (*(each.name for each in DEVELOPMENT_SETS), SIMULATED, STRANGERS, GOLDEN, FEED)
_NAME_TABLES = "names"


def run(
    data: Annotated[
        list[Path], typer.Option(help="Files with the truth, a simulated state's or the suite's folder.")
    ],
    truth_column: Annotated[str, typer.Option(help="Column that tells the true person.")] = TRUTH,
    suite: Annotated[str | None, typer.Option(help="'dev': the public sets under --data.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Sets of the suite; all by default.")] = None,
    model: Annotated[str | None, typer.Option(help="NAME/VERSION or a folder.")] = None,
    with_ablation: Annotated[bool, typer.Option("--ablation", help="What each part buys.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Evaluate a model beside exact match and plain Splink, run on the same records."""
    loaded = load_model(find_model(model))
    results: dict[str, Evaluation] = {}
    strangers, golden, night = None, None, None
    if suite is None:
        dataset = _files(data, truth_column)
        results[dataset.name] = measure(loaded, dataset)
    else:
        wanted = _wanted(suite, only)
        for own, dataset in _sets(loaded, wanted, data[0]):
            results[dataset.name] = measure(own, dataset)
        strangers = _strangers(loaded, data[0]) if STRANGERS in wanted else None
        night = feed_review(loaded, FEED_RECORDS, data[0] / _NAME_TABLES) if FEED in wanted else None
        # The scenes run in an index of their own, which comes with the shipped model.
        golden = golden_pairs(data[0]) if GOLDEN in wanted and model is None else None
    parts = list(ablation(loaded, _ablated(suite, data, truth_column))) if with_ablation else []
    kept = promises(results, strangers, golden, night)
    unfair = [f"{name}: {line}" for name, each in results.items() for line in bias.gaps(each.groups)]
    if as_json:
        content = {
            "model": loaded.ref,
            "digest": loaded.digest,
            "sets": {name: asdict(result) for name, result in results.items()},
            "strangers": asdict(strangers) if strangers else None,
            "golden": asdict(golden) if golden else None,
            "feed": asdict(night) if night else None,
            "ablation": [asdict(row) for row in parts],
            "must_show": [asdict(row) for row in kept],
            "bias_past_gap": unfair,
        }
        print(json.dumps(content))  # noqa: T201
    else:
        _show(results, strangers, parts, kept)
    _fail_if(unfair)


def _files(data: list[Path], truth_column: str) -> Dataset:
    if len(data) == 1 and is_saved_state(data[0]):
        return saved_state(data[0])
    rows = [row for path in data for row in read_rows(path, (truth_column,))]
    truth = {number: row.others[truth_column] for number, row in enumerate(rows)}
    sources = dict(enumerate(row.source for row in rows))
    return Dataset("records", standardized(rows), truth, sources=sources)


def _wanted(suite: str, only: list[str] | None) -> tuple[str, ...]:
    if suite != "dev":
        raise TrainingError(f"there is no suite {suite!r}; there is 'dev'")
    unknown = [name for name in only or () if name not in _NAMES]
    if unknown:
        raise TrainingError(f"the suite has no set {unknown[0]!r}; it has {', '.join(_NAMES)}")
    return tuple(only or _NAMES)


def _sets(model: MatchModel, wanted: tuple[str, ...], folder: Path) -> Iterator[tuple[MatchModel, Dataset]]:
    """Each set with the model that it is evaluated with."""
    for each in DEVELOPMENT_SETS:
        if each.name in wanted:
            dataset = each.dataset(folder)
            if each.shipped:
                yield model, dataset
            if each.fitted:
                own = replace(dataset, name=f"{each.name}{OWN}") if each.shipped else dataset
                yield fitted_model(each.name, dataset.records), own
    if SIMULATED in wanted:
        yield model, simulated_state(SIMULATED_RECORDS, folder / _NAME_TABLES)


def _strangers(model: MatchModel, folder: Path) -> Strangers:
    stress = stress_set(STRESS_CHILDREN, STRESS_PAIRS, name_book(folder / _NAME_TABLES))
    return judge_strangers(persons(weigh(model, stress.dataset.records), model.thresholds), stress)


def _ablated(suite: str | None, data: list[Path], truth_column: str) -> Dataset:
    if suite is None:
        return _files(data, truth_column)
    return simulated_state(ABLATED_RECORDS, data[0] / _NAME_TABLES)


def _show(
    results: dict[str, Evaluation], strangers: Strangers | None, parts: list[Ablated], kept: list[Promise]
) -> None:
    console = Console()
    for result in results.values():
        tables.show_evaluation(console, result)
    if strangers is not None:
        tables.show_strangers(console, strangers)
    if parts:
        tables.show_ablation(console, parts)
    if kept:
        tables.show_promises(console, kept)


def _fail_if(unfair: list[str]) -> None:
    for line in unfair:
        sys.stderr.write(f"bias past the gap: {line}\n")
    if unfair:
        raise typer.Exit(BIASED)
