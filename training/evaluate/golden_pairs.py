"""Runner of the golden pairs: hard cases that the real service decides.

The service runs as a program of its own; nothing here imports it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.fit.errors import TrainingError

_ROOT = Path(__file__).resolve().parents[2]
PAIRS_FILE = Path("hardcases") / "hard_cases.csv"


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """Number of golden pairs, which have known answers, decided as expected.

    Args:
        pairs: number of golden pairs.
        kept: number decided as expected.
        wrong: names of the others.
    """

    pairs: int
    kept: int
    wrong: tuple[str, ...]


def _run_program(data: Path) -> str:
    """Run the program that decides the golden pairs; return its output."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.golden", "--json"],
        cwd=_ROOT,
        env={**os.environ, "MPI_EVAL_DATA": str(data.resolve())},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return process.stdout


def decide_golden_pairs(data: Path, run_program: Callable[[Path], str] = _run_program) -> GoldenResult:
    """Decide each pair with a known answer in its own index.

    Args:
        data: the suite's folder, which holds ``hardcases/hard_cases.csv``; the project's own pairs are in
            ``tests/golden/cases.toml``.
        run_program: function that decides the pairs of the folder and returns the results as JSON.

    Raises:
        TrainingError: the pairs could not be decided at all.
    """
    try:
        results = json.loads(run_program(data))
    except ValueError:
        raise TrainingError("the golden pairs could not be decided: run `python -m tests.golden`") from None
    wrong_names = tuple(name for name, case in results.items() if not case["kept"])
    return GoldenResult(len(results), len(results) - len(wrong_names), wrong_names)
