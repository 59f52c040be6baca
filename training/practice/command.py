"""Command ``python -m training practice``: write the shipped practice pairs."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mpi.domain.errors import FileError
from training.practice.selection import PAIRS, choose_practice_pairs
from training.simulate.simulation import simulate

_RECORDS = 60_000


def run(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("mpi/service/practice_pairs.json"),
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pairs.")] = 2027,
    pairs: Annotated[int, typer.Option(min=16, help="How many, half of them of one child.")] = PAIRS,
    records: Annotated[int, typer.Option(min=1_000, help="Of a simulated state to choose from.")] = _RECORDS,
) -> None:
    """Choose practice pairs from a simulated state; write them with their truth."""
    chosen_pairs = choose_practice_pairs(simulate(records, seed), pairs)
    lines = ",\n".join(json.dumps(pair, ensure_ascii=False, separators=(",", ":")) for pair in chosen_pairs)
    text = f'{{"synthetic": true, "seed": {seed}, "pairs": [\n{lines}\n]}}\n'
    try:
        out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise FileError(f"{out} cannot be written: {error.strerror}") from error
    Console().print(f"{len(chosen_pairs)} practice pairs in {out}")
