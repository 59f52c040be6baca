"""An install without optional extras serves the rest, and says which extra brings what is absent."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
CALL_FHIR = """
import json, sys, tempfile
from pathlib import Path
sys.modules["fhir"] = None  # to find_spec and to imports, as if it were not installed
from mpi.api.app import create_app
from tests.index import open_test_index
from tests.unit.api.live import calling
with tempfile.TemporaryDirectory() as folder, open_test_index(Path(folder), "D01") as index:
    with calling(create_app(index), None) as client:
        answers = [client.get("/fhir/metadata"), client.post("/fhir/Patient/$match", json={})]
        paths = client.get("/openapi.json").json()["paths"]
print(json.dumps([[(each.status_code, each.json()) for each in answers], sorted(paths)]))
"""
SIMULATE = """
import sys
sys.modules["faker"] = None
from training.simulate.people.names import build_faker_names
from mpi.domain.errors import InputError
try:
    build_faker_names(0.0, 0.0)
except InputError as error:
    print(error)
"""


def run_python(code):
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout


def test_without_the_extra_fhir_its_routes_say_so_and_all_others_are_served():
    answers, paths = json.loads(run_python(CALL_FHIR))
    for status, problem in answers:
        assert (status, problem["type"].rpartition("/")[2].rpartition(":")[2]) == (501, "not-installed")
        assert "pip install '.[fhir]'" in problem["detail"]
    assert "/v1/sources" in paths
    assert not [path for path in paths if path.startswith("/fhir")]


def test_without_the_extra_simulator_the_error_names_it():
    assert "pip install '.[simulator]'" in run_python(SIMULATE)
