"""Commands import only what they need: help no library of the index, a look-up no engine."""

import os
import subprocess
import sys
from pathlib import Path

from mpi.cli.catalog import COMMANDS

ROOT = Path(__file__).parents[3]
HEAVY_PACKAGES = {
    "alembic",
    "duckdb",
    "faker",
    "fastapi",
    "networkx",
    "numpy",
    "pyarrow",
    "splink",
    "sqlalchemy",
    "sqlglot",
}
RUN = """
import sys
from mpi.cli.main import run
for line in sys.argv[1:]:
    assert run(line.split()) == 0, line
print()
print(*sys.modules)
"""
SHOW_HELP = """
import sys
from mpi.cli.main import run
for path in sys.argv[1:]:
    assert run([*path.split(), "--help"]) == 0, path
print(*sys.modules)
"""


def imported_modules(code: str, *arguments: str, **environment: str) -> set[str]:
    output = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    ).stdout
    return set(output.rpartition("\n")[0].rpartition("\n")[2].split())


def test_no_help_screen_imports_a_heavy_package():
    commands = [path for path, entry in COMMANDS.items() if entry.target]
    assert not HEAVY_PACKAGES & imported_modules(SHOW_HELP, *commands)


def test_completion_of_an_option_imports_no_heavy_package():
    code = "import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules)); import runpy; "
    modules = imported_modules(
        code + "sys.argv = ['mpi']; runpy.run_module('mpi', run_name='__main__')",
        _MPI_COMPLETE="complete_bash",
        COMP_WORDS="mpi person --as",
        COMP_CWORD="2",
    )
    assert "mpi.cli.commands.persons.person" in modules
    assert not HEAVY_PACKAGES & modules


def test_a_look_up_imports_no_engine(home, mpi):
    record = {"source": "sis", "local_id": "1", "first_name": "Ana", "last_name": "Lopez"}
    eid = mpi("resolve", "--json", send=record).json["enterprise_id"]
    lines = [
        f"person {eid}",
        f"lineage {eid}",
        "crosswalk --source sis --local-id 1",
        "source list",
        "client list",
        "account list",
    ]
    modules = imported_modules(RUN, *(f"{line} --json" for line in lines))
    assert "sqlalchemy" in modules
    needed = {"numpy", "sqlalchemy"}
    assert not ((HEAVY_PACKAGES - needed) | {"rich"}) & modules
