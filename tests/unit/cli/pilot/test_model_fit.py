"""Fit of a pilot: what its log quotes stays there, and its folder is in use until it ends."""

import threading
import time

import pytest

from mpi.cli.pilot.folder import destroy_leftovers, hold_folder
from mpi.cli.pilot.inputs import PilotFile
from mpi.cli.pilot.model_fit import fit_model
from mpi.domain.source import SourceKind
from mpi.intake.mapping_reader import parse_mapping

MAPPING = 'local_id = "ID"\n[fields]\nfirst_name = "FIRST"\n'


@pytest.fixture
def make_fit(tmp_path, monkeypatch):
    """Make a program that stands in place of the one that fits, and a file."""

    def make(code):
        (tmp_path / "training").mkdir()
        (tmp_path / "training" / "__init__.py").touch()
        (tmp_path / "training" / "__main__.py").write_text(code)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a.csv").write_text("ID,FIRST\n1,Maria\n")
        mapping = parse_mapping("a", MAPPING)
        return PilotFile(tmp_path / "a.csv", "a", SourceKind.SIS, mapping, mapping_text=MAPPING)

    return make


def test_failed_fit_gives_a_reason_without_a_value(make_fit, tmp_path):
    file = make_fit("print('error: a.csv: cannot be read: Maria')\nraise ValueError('Maria')")
    with hold_folder(tmp_path) as held:
        problem = fit_model(held, [file], lambda _: None).problem
    assert problem == "the fit failed; run `python -m training fit` to see why"


def test_fit_that_outlives_its_pilot_holds_the_folder(make_fit, tmp_path):
    wait = "import pathlib, time\npathlib.Path('ready').touch()\n"
    file = make_fit(wait + "while not pathlib.Path('go').exists(): time.sleep(0.01)\n")
    with hold_folder(tmp_path) as held:
        fit = threading.Thread(target=fit_model, args=(held, [file], lambda _: None))
        fit.start()
        while fit.is_alive() and not (tmp_path / "ready").exists():
            time.sleep(0.01)
    try:
        assert destroy_leftovers(tmp_path) == []
    finally:
        (tmp_path / "go").touch()
        fit.join()
    assert [each.folder for each in destroy_leftovers(tmp_path)] == [str(held.path)]
