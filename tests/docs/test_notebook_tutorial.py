"""The programs of the tutorial about notebooks run as written and print what the page shows."""

import os
import re
import shlex
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from mpi.cli.main import run as run_command

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "notebook.md"
BLOCKS = re.findall(
    r"^```(bash|python|text)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_programs_print_what_is_shown(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "index"))
    namespace = {}
    checked = 0
    for (kind, block), (next_kind, expected) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if kind == "bash":
            for command in block.splitlines():
                name, *arguments = shlex.split(command)
                if name == "mpi":
                    with redirect_stdout(StringIO()):
                        assert run_command(arguments) == 0, command
        elif kind == "python":
            with redirect_stdout(StringIO()) as output:
                exec(block, namespace)  # noqa: S102 - the page's own programs
            assert next_kind == "text", block
            assert plain(output.getvalue()) == plain(expected)
            checked += 1
    assert checked == 3


def plain(text):
    """Return lines without blanks at their ends."""
    return [line.strip() for line in text.splitlines()]
