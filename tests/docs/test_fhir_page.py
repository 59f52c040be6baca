"""Every example of docs/how-to/fhir.md runs against a live server and is answered in its shape."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.api.fhir.match_quality import GRADES, LOWEST_SCORE
from mpi.api.fhir.matching import HIGHEST_SCORE, TWIN_SCORE, Grade
from mpi.api.fhir.patient_input import ELEMENTS
from mpi.api.request.record_body import MAX_RECORD_BYTES
from mpi.policy.route_table import ROUTES
from mpi.service.core.index import FhirSettings
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index, with_settings
from tests.unit.api.live import add_key, calling
from tests.unit.api.test_docs import shape

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "fhir.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", PAGE, re.DOTALL)
ACTIONS = ("person.search", "person.read", "record.read", "crosswalk.read")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl, which is not here")
def test_every_example_runs_and_is_answered_as_shown(tmp_path):
    with open_test_index(tmp_path, "D01-SIS") as index:
        settings = FhirSettings(organization="State Person Index", contact="matches@mpi.example.gov")
        served = with_settings(index, fhir=settings)
        key = add_key(served, "exchange", ACTIONS, ["D01-SIS"])
        upsert(served, OPERATOR, "D01-SIS", make_child("88123", postal_code=None))
        with calling(create_app(served), None) as client:
            address = str(client.base_url).rstrip("/")
            environment = os.environ | {"MPI": address, "CLIENT": "exchange", "KEY": key}
            for command, expected in EXAMPLES:
                process = subprocess.run(
                    ["sh", "-c", command],
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=30,
                    check=True,
                )
                answer = json.loads(process.stdout)
                assert shape(answer) == shape(json.loads(expected)), (command, answer)
                environment["TOKEN"] = answer.get("access_token", environment.get("TOKEN", ""))
    assert len(EXAMPLES) == 4


def test_the_figures_of_the_page_are_those_of_the_program():
    text = " ".join(PAGE.split())
    for phrase in (
        f"at most {HIGHEST_SCORE}.",
        f"differs scores at most {TWIN_SCORE}.",
        f"| at most {LOWEST_SCORE} |",
        f"more than {MAX_RECORD_BYTES:,} bytes",
        *(f"| {score} |" for score, _ in GRADES),
        *(f"| `{grade}` |" for grade in Grade),
    ):
        assert phrase in text, phrase


def test_the_page_names_every_field_that_a_patient_can_state():
    fields = {field for field in ELEMENTS if field not in ("ssn", "ssn_last4", "identifiers")}
    assert {field for field in fields if f"`{field}`" not in PAGE} == set()


def test_the_permissions_of_the_page_are_those_of_the_policy():
    for calls, route in (
        ("`$match`, `$idi-match`", "POST /fhir/Patient/$match"),
        ("`$match`, `$idi-match`", "POST /fhir/Patient/$idi-match"),
        ("`$ihe-pix`", "GET /fhir/Patient/$ihe-pix"),
    ):
        scopes = ", ".join(f"`{action}`" for action in ROUTES[route].actions)
        assert f"| {calls} | {scopes} |" in PAGE
