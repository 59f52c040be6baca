"""The page of settings is current and complete."""

import subprocess
import sys
from pathlib import Path

from mpi.config import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_settings_is_current():
    command = [sys.executable, ROOT / "scripts" / "configuration-reference", "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_page_has_every_setting():
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    assert [name for name in Settings.model_fields if f"| `MPI_{name.upper()}` |" not in page] == []
