"""The client can be installed alone."""

import ast
import inspect
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import httpx
import pytest

import mpi
import mpi.client
from mpi.client import AsyncClient, Client

FOLDER = Path(mpi.client.__file__).parent
ROOT = FOLDER.parents[1]
LIBRARIES = {"httpx", "standardwebhooks"}


def project(file):
    return tomllib.loads(file.read_text())["project"]


def test_no_module_imports_anything_but_the_standard_library_and_what_it_requires():
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
                )
                for name in names:
                    top = name.split(".")[0]
                    assert (
                        name.startswith("mpi.client") or top in sys.stdlib_module_names or top in LIBRARIES
                    ), f"{file.name} imports {name}"
                    assert top != "standardwebhooks" or file.name == "webhooks.py"


def test_it_is_imported_without_the_index(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "mpi" / "client", ignore=shutil.ignore_patterns("__pycache__"))
    libraries = str(Path(httpx.__file__).parents[1])
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path.append({libraries!r})\n"
        "sys.modules['click'] = None\n"  # or httpx imports its command line
        "import mpi.client\n"
        "assert mpi.__file__ is None, mpi.__file__\n"
        "print(sorted(name for name in sys.modules if name.startswith('mpi.') and 'mpi.client' not in name))"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=True
    )
    assert process.stdout == "[]\n"


def test_both_distributions_require_the_same():
    alone, index = project(FOLDER / "pyproject.toml"), project(ROOT / "pyproject.toml")
    extras = alone["optional-dependencies"]
    assert alone["dependencies"] + extras["webhooks"] == index["optional-dependencies"]["client"]
    assert alone["requires-python"] == index["requires-python"]
    assert mpi.client.__version__ == mpi.__version__
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_distribution_holds_the_client_and_nothing_else(tmp_path, monkeypatch):
    backend = pytest.importorskip(
        "hatchling.build", reason="hatchling builds it; requirements/build.txt has it"
    )
    monkeypatch.chdir(FOLDER)
    with zipfile.ZipFile(tmp_path / backend.build_wheel(str(tmp_path))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {f"mpi/client/{file.name}" for file in (*FOLDER.glob("*.py"), FOLDER / "py.typed")}


def test_both_clients_have_the_same_methods():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            twin = getattr(AsyncClient, name)
            assert list(inspect.signature(method).parameters.values()) == list(
                inspect.signature(twin).parameters.values()
            ), name
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
