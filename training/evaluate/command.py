"""``python -m training evaluate``: how good is the shipped model on records whose truth is known?"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mpi.matching.model import MatchModel, find_model, load_model
from training.evaluate.evaluation import Evaluation, evaluate
from training.evaluate.suite import DEVELOPMENT_SETS, TRUTH
from training.fit.errors import TrainingError
from training.records import Sent, features_of, read_rows


def run(
    data: Annotated[
        list[Path],
        typer.Option(help="Files with the truth; or the suite's folder."),
    ],
    truth_column: Annotated[str, typer.Option(help="Column that tells the true person.")] = TRUTH,
    suite: Annotated[str | None, typer.Option(help="'dev': the public sets under --data.")] = None,
    model: Annotated[str | None, typer.Option(help="NAME/VERSION or a folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Evaluate a model beside exact match and plain Splink, run on the same records."""
    loaded = load_model(find_model(model))
    if suite is None:
        rows = (row for path in data for row in read_rows(path, (truth_column,)))
        results = {"records": _evaluated(loaded, rows, truth_column)}
    elif suite == "dev":
        results = {each.name: _evaluated(loaded, each.rows(data[0]), TRUTH) for each in DEVELOPMENT_SETS}
    else:
        raise TrainingError(f"there is no suite {suite!r}; there is 'dev'")
    if as_json:
        print(json.dumps({name: _plain(result) for name, result in results.items()}))  # noqa: T201
    else:
        for name, result in results.items():
            _show(name, result)


def _evaluated(model: MatchModel, rows: Iterable[Sent], truth_column: str) -> Evaluation:
    read = list(rows)
    records, truth = [], {}
    for number, (row, features) in enumerate(zip(read, features_of(read), strict=True)):
        if features is not None:
            records.append((number, features))
            truth[number] = row.others[truth_column]
    if not records:
        raise TrainingError("the files hold no record that can be used")
    return evaluate(model, records, truth)


def _plain(result: Evaluation) -> dict[str, object]:
    return {
        "records": result.records,
        "candidate_pairs": result.candidates,
        "blocking_recall": result.blocking_recall,
        "ways": [
            {
                "way": line.way,
                "precision": line.scores.precision,
                "recall": line.scores.recall,
                "f1": line.scores.f1,
                "links": line.scores.links,
                "matches": line.scores.matches,
                "review_pairs": line.review,
            }
            for line in result.lines
        ],
    }


def _show(name: str, result: Evaluation) -> None:
    table = Table(
        "way", "precision", "recall", "F1", "review pairs",
        title=f"{name}: {result.records:,} records",
        caption=f"{result.candidates:,} candidate pairs hold {result.blocking_recall:.2%} of the matches",
    )  # fmt: skip
    for line in result.lines:
        scores = line.scores
        table.add_row(
            line.way,
            f"{scores.precision:.4f}",
            f"{scores.recall:.4f}",
            f"{scores.f1:.4f}",
            f"{line.review:,}",
        )
    Console().print(table)
