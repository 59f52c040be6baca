"""The golden pairs, decided by the real service, which is run as a program: nothing here imports it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from training.fit.errors import TrainingError

_ROOT = Path(__file__).resolve().parents[2]
PAIRS_FILE = Path("hardcases") / "hard_cases.csv"


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """What became of the golden pairs.

    Args:
        pairs: how many there are.
        kept: how many were decided as expected.
        wrong: names of the others.
    """

    pairs: int
    kept: int
    wrong: tuple[str, ...]


def decide_golden_pairs(data: Path) -> GoldenResult:
    """Decide each pair as a scene of its own in a simulated state, with the shipped model.

    Args:
        data: the suite's folder, which holds ``hardcases/hard_cases.csv``.

    Raises:
        TrainingError: the pairs could not be decided at all.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden", "--json"],
        cwd=_ROOT,
        env={**os.environ, "MPI_EVAL_DATA": str(data.resolve())},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        decided = json.loads(done.stdout)
    except ValueError:
        raise TrainingError("the golden pairs could not be decided: run `python -m tests.golden`") from None
    wrong = tuple(name for name, case in decided.items() if not case["kept"])
    return GoldenResult(len(decided), len(decided) - len(wrong), wrong)
