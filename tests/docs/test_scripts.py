"""Every Python script starts and every shell script parses."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PYTHON = [path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and "python3" in path.read_text()[:40]]
SHELL = [path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and "bash" in path.read_text()[:40]]


def test_there_are_scripts_of_both_kinds():
    assert PYTHON
    assert SHELL


@pytest.mark.parametrize("script", PYTHON, ids=lambda path: path.name)
def test_a_python_script_starts(script):
    process = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_shell_script_parses(script):
    process = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
