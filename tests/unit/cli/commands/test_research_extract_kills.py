"""A research extract that is killed at any step leaves a whole folder or none (law 6)."""

import signal
import subprocess
import sys

from mpi.service.research.projects import show_project
from tests.index import OPERATOR, load_rows
from tests.laws.extract_program import PROJECT
from tests.unit.service.research.test_extract import (
    OF_SCHOOLS,
    child,
    make_agreement,
    make_terms,
    open_with_terms,
    put_in_force,
)

FILES = 7
BEFORE_THE_LEDGER = "disclose:call:1"
BEFORE_THE_FOLDER = "_note_extract:return:1"
WITHIN_THE_FOLDER = ("write_private_bytes:return:1", f"write_private_bytes:return:{FILES}")
AFTER_THE_FOLDER = "write_private_folder:return:1"


def test_a_killed_extract_leaves_a_whole_folder_or_none_and_a_second_run_gives_equal_bytes(
    home, index, tmp_path
):
    load_rows(index, "sis", *(child(number) for number in range(12)))
    put_in_force(index, make_agreement("study", OF_SCHOOLS))
    open_with_terms(index, PROJECT, make_terms("study", "sex", "birth_date"))
    kills = [BEFORE_THE_LEDGER, BEFORE_THE_FOLDER, *WITHIN_THE_FOLDER]
    again, whole = tmp_path / "again", tmp_path / "whole"
    assert run_exports(*(f"{kill}:{again}" for kill in kills)) == [-signal.SIGKILL] * len(kills)
    assert not again.exists()
    partial = list(tmp_path.glob(".again.*.partial"))
    assert len(partial) == 1, "each run removes what a killed one left"
    assert count_lines(index) == len(kills) - 1, "what may have left is on the ledger"

    assert run_exports(f"{AFTER_THE_FOLDER}:{whole}", f":::{again}") == [-signal.SIGKILL, 0]
    written = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in (whole, again)]
    assert written[0] == written[1]
    assert len(written[0]) == FILES
    assert not list(tmp_path.glob(".*.partial"))
    assert len(show_project(index, OPERATOR, PROJECT).extracts) == 1, "equal bytes are one extract"


def run_exports(*arguments: str) -> list[int]:
    """Run exports that die at given steps; return how each ended."""
    program = [sys.executable, "-m", "tests.laws.extract_program", *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    return [int(line) for line in ended.stderr.splitlines() if line.lstrip("-").isdigit()]


def count_lines(index) -> int:
    with index.database.read(OPERATOR) as unit:
        return len(unit.disclosures.of_actions(["crosswalk.export"]))
