"""Suite ``tokens`` of ``python -m training evaluate``: tokens beside clear text."""

import json
import zlib
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from mpi.matching.model.match_model import MatchModel
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS, TRUTH_COLUMN, DevelopmentSet
from training.evaluate.measures.token_linkage import TokenLinkage, measure_token_linkage
from training.fit.errors import TrainingError
from training.records import RecordRow

_PARTIES = {"pp_children_multi": ("ssa", 1), "sim_state_100k": ("cw", 4)}
"""Set to the source that sends tokens, and of how many children one is taken."""


def run_token_suite(model: MatchModel, folder: Path, only: Collection[str] | None, *, as_json: bool) -> None:
    """Print measures of linkage tokens beside clear text on public sets.

    Args:
        model: model that links clear text.
        folder: folder of the public sets.
        only: names of sets; None for all.
        as_json: print JSON.

    Raises:
        TrainingError: the suite has no such set.
        FileError: a set cannot be read.
    """
    unknown = sorted(set(only or ()) - _PARTIES.keys())
    if unknown:
        raise TrainingError(f"the suite has no set {unknown[0]!r}; it has {', '.join(_PARTIES)}")
    results = {
        each.name: measure_set(model, each, folder)
        for each in DEVELOPMENT_SETS
        if each.name in (only or _PARTIES) and each.name in _PARTIES
    }
    if as_json:
        content = {
            name: [{**asdict(line), "precision": line.precision, "recall": line.recall} for line in lines]
            for name, lines in results.items()
        }
        typer.echo(json.dumps({"model": model.ref, "sets": content}))
        return
    for name, lines in results.items():
        _print_table(name, lines)


def measure_set(model: MatchModel, each: DevelopmentSet, folder: Path) -> list[TokenLinkage]:
    """Measure each way of sending records on a public set.

    Raises:
        FileError: the set cannot be read.
    """
    party, share = _PARTIES[each.name]
    rows: list[RecordRow] = [
        row
        for row in each.read_rows(folder)
        if zlib.crc32(str(row.extra_columns[TRUTH_COLUMN]).encode()) % share == 0
    ]
    truth = {number: str(row.extra_columns[TRUTH_COLUMN]) for number, row in enumerate(rows)}
    return list(measure_token_linkage(model, rows, truth, party))


def _print_table(name: str, lines: list[TokenLinkage]) -> None:
    """Print the results on one set."""
    table = Table(title=f"{name}: {lines[0].matches:,} pairs of one child between two parties")
    for column in ("sent", "precision", "recall", "false links", "questions"):
        table.add_column(column, justify="left" if column == "sent" else "right")
    for line in lines:
        questions = "" if line.questions is None else f"{line.questions:,}"
        false_links = line.links - line.right
        table.add_row(line.way, f"{line.precision:.4f}", f"{line.recall:.4f}", f"{false_links:,}", questions)
    Console().print(table)
