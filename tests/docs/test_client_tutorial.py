"""The programs of the tutorial about the Python client run as written and print what the page shows."""

import os
import re
import shlex
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import open_index
from mpi.cli.main import run as run_command
from mpi.config import Settings
from tests.unit.api.live import serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "follow-from-python.md"
BLOCKS = re.findall(
    r"^```(bash|python|text)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
NOT_RUN = {
    "mkdir follow", "cd follow", 'export MPI_HOME="$PWD/index"', "unset MPI_DATABASE_URL", "mpi serve",
}  # fmt: skip
"""Commands whose work the test does itself."""
ENTERPRISE_ID = re.compile(r"\b\w{4}-\w{4}-\w{4}\b")


def run_commands():
    """Run the commands up to the start of the server; return the API key that was shown last."""
    shown = ""
    for kind, block in BLOCKS:
        for command in block.splitlines() if kind == "bash" else []:
            name, *arguments = shlex.split(command)
            if name == "mpi" and arguments != ["serve"]:
                with redirect_stdout(StringIO()) as output:
                    assert run_command(arguments) == 0, command
                shown = output.getvalue()
            else:
                assert command in NOT_RUN
    return re.search(r"\bmpi_[\w-]+", shown)[0]


@pytest.mark.slow
def test_the_programs_print_what_is_shown(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "index"))
    monkeypatch.setenv("MPI_KEY", run_commands())
    namespace = {}
    with ExitStack() as stack:
        index = open_index(Settings())
        stack.callback(index.database.dispose)
        url = stack.enter_context(serving(create_app(index)))
        monkeypatch.setenv("MPI_URL", url)
        for (kind, block), (next_kind, expected) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
            if kind == "python":
                with redirect_stdout(StringIO()) as output:
                    exec(block, namespace)  # noqa: S102 - the page's own programs
                assert next_kind == "text", block
                assert plain(output.getvalue()) == plain(expected)


def plain(text):
    """Return lines without blanks at their ends, with a placeholder for each enterprise ID."""
    return [ENTERPRISE_ID.sub("ID", line.strip()) for line in text.splitlines()]
