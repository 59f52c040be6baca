"""Fixtures of command-line tests: a home folder per test, and ``mpi`` run in this process."""

import io
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mpi.bootstrap import init_index, open_index
from mpi.cli.main import run
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.statements.sources import NewSource, add_source
from tests.models import tiny_model

HEADER = "local_id,first_name,last_name,birth_date,postal_code\n"


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """What it printed, which must be JSON and nothing else."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A home with a test index and two sources, and the model beside it."""
    folder = tmp_path_factory.mktemp("template")
    tiny_model(folder / "model")
    settings = Settings(
        home=folder / "home", model=str(folder / "model"), database_url=None, secret_file=None
    )
    index, _key = init_index(settings, is_test=True)
    for code in ("sis", "ccwis"):
        add_source(index, make_operator(), NewSource(code))
    index.database.dispose()
    return folder


@pytest.fixture
def empty_home(tmp_path, monkeypatch) -> Path:
    """A home folder that does not exist yet."""
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPI_SECOND_APPROVER", "never")
    monkeypatch.setenv("MPI_MODEL", str(tiny_model(tmp_path / "model")))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def home(empty_home, template) -> Path:
    """A home with a test index and the sources sis and ccwis."""
    shutil.copytree(template / "home", empty_home)
    return empty_home


@pytest.fixture
def index(home):
    """The index of the home folder, open in this process."""
    index = open_index(Settings())
    yield index
    index.database.dispose()


@pytest.fixture
def mpi(capfd, monkeypatch):
    """Run a command in this process."""

    def command(*arguments: str, send: object = None) -> CommandResult:
        text = send if isinstance(send, str) else json.dumps(send)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        capfd.readouterr()
        code = run(arguments)
        captured = capfd.readouterr()
        return CommandResult(int(code), captured.out, captured.err)

    return command


@pytest.fixture
def write_csv(tmp_path):
    """Write a CSV file of canonical rows, ``local_id,first_name,last_name,birth_date,postal_code``."""

    def write(*rows: str, name: str = "file.csv") -> str:
        path = tmp_path / name
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
        return str(path)

    return write


def is_one_line(err: str) -> bool:
    """Return whether standard error holds exactly one line of our own."""
    return err.startswith("mpi: ") and err.count("\n") == 1 and "Traceback" not in err
