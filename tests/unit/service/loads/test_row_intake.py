"""Test that a row intake process imports no slow module, since it starts anew with every file."""

import subprocess
import sys

SLOW_MODULES = ("numpy", "pyarrow", "duckdb", "sqlalchemy", "networkx", "splink")


def test_row_intake_imports_no_slow_module():
    script = (
        f"import sys, mpi.service.loads.row_intake; print([m for m in {SLOW_MODULES} if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output == "[]\n"
