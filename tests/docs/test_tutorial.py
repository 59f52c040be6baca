"""The tutorial's commands run as written and print what the page shows."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.warm_commands import shell_function

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "first-index.md"
BLOCKS = re.findall(
    r"^```(bash|text)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
ENTERPRISE_ID = re.compile(r"\b\w{4}-\w{4}-\w{4}\b")
QUESTION = re.compile(r"\bq-[0-9a-f]{16}\b")
END_OF_BLOCK = "-- end of block --"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Return the standard output of each bash block, all run in one shell."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    environment["COLUMNS"] = "200"
    with shell_function() as mpi:
        script = ["set -e", mpi]
        for kind, block in BLOCKS:
            if kind == "bash":
                script += [block, f'echo "{END_OF_BLOCK}"']
        process = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path_factory.mktemp("tutorial"),
            env=environment,
        )
    assert process.returncode == 0, process.stderr
    return process.stdout.split(END_OF_BLOCK)


def plain_lines(text: str) -> list[str]:
    """Return lines without repeated blanks, with a placeholder for each enterprise ID."""
    return [ENTERPRISE_ID.sub("ID", " ".join(line.split())) for line in text.splitlines() if line.strip()]


def test_the_commands_print_every_line_shown(outputs):
    number = 0
    for kind, block in BLOCKS:
        if kind == "bash":
            number += 1
        else:
            missing = set(plain_lines(block)) - set(plain_lines(outputs[number - 1]))
            assert missing == set()


def test_amara_has_one_enterprise_id_in_both_sources(outputs):
    [output] = [text for text in outputs if text.count("enterprise id") == 2]
    first, second = ENTERPRISE_ID.findall(output)
    assert first == second


def test_the_answer_closes_the_question_and_the_undo_reopens_it(outputs):
    commands = [block for kind, block in BLOCKS if kind == "bash"]
    lists = [text for block, text in zip(commands, outputs, strict=False) if "mpi tasks" in block]
    assert [len(set(QUESTION.findall(text))) for text in lists] == [1, 0, 1]
