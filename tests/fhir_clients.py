"""Foreign FHIR software in a temporary folder: packages of npm and PyPI, run as programs of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TIMEOUT_S = 300
NPM_PACKAGES = ("fhirpath@5", "fhir-kit-client@2")
PYPI_PACKAGES = ("fhirpy==2.3.*",)


def install_npm_packages(folder: Path) -> Path:
    """Install the npm packages, and return the folder; skip the test where that is not possible."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node.js with npm is not here")
    _install([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *NPM_PACKAGES])
    return folder


def install_pypi_packages(folder: Path) -> Path:
    """Install the PyPI packages, and return the folder; skip the test where that is not possible."""
    _install([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *PYPI_PACKAGES])
    return folder


def _install(command: list[str]) -> None:
    process = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if process.returncode != 0:
        pytest.skip(f"no package registry can be reached: {process.stderr[-200:]}")


def run_node(folder: Path, script: str, request: object) -> object:
    """Run a script of Node.js, which reads a JSON text and writes one."""
    (folder / "script.mjs").write_text(script, encoding="utf-8")
    return _run(["node", "script.mjs"], folder, request, {})


def run_python(folder: Path, script: str, request: object) -> object:
    """Run a script of Python with the installed packages, which reads a JSON text and writes one."""
    (folder / "script.py").write_text(script, encoding="utf-8")
    return _run([sys.executable, "script.py"], folder, request, {"PYTHONPATH": str(folder)})


def _run(command: list[str], folder: Path, request: object, environment: dict[str, str]) -> object:
    process = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout)
