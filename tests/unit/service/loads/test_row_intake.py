"""What each process that lets rows in has to begin with: each begins anew with every file."""

import subprocess
import sys

HEAVY = ("numpy", "pyarrow", "duckdb", "sqlalchemy", "networkx", "splink")


def test_who_lets_rows_in_imports_nothing_that_takes_long():
    ask = f"import sys, mpi.service.loads.row_intake; print([m for m in {HEAVY} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout
    assert told == "[]\n"
