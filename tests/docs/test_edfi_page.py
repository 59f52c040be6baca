"""Every example of docs/how-to/edfi-identities.md runs against a live server and is answered in its shape."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.api.edfi.lists import HIGHEST_SEARCH_SCORE, TWIN_SCORE
from mpi.api.edfi.schemas import MAX_ITEMS
from mpi.config import Settings
from mpi.domain.unique_ids import MAX_LENGTH, MIN_DIGITS
from mpi.policy.route_table import ROUTES
from mpi.service.core.index import IdentitySettings
from mpi.service.records.identity_batches import LIFETIME, MAX_BATCHES
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index, with_settings
from tests.unit.api.live import add_key, calling
from tests.unit.api.test_docs import shape

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "edfi-identities.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", PAGE, re.DOTALL)
ACTIONS = ("record.write", "record.read", "person.read", "person.search")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl, which is not here")
def test_every_example_runs_and_is_answered_as_shown(tmp_path):
    with open_test_index(tmp_path, "D01-SIS", "D01-IDS") as index:
        served = with_settings(index, identities=IdentitySettings(sources=frozenset({"D01-IDS"})))
        key = add_key(served, "d01-sis", ACTIONS, ["D01-SIS", "D01-IDS"])
        upsert(served, OPERATOR, "D01-SIS", make_child("1", postal_code=None))
        with calling(create_app(served), None) as client:
            environment = os.environ | {
                "MPI": str(client.base_url).rstrip("/"),
                "CLIENT": "d01-sis",
                "KEY": key,
            }
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
                if isinstance(answer, str):
                    environment["UNIQUE_ID"] = answer
                elif "access_token" in answer:
                    environment["TOKEN"] = answer["access_token"]
                elif "enterprise_id" in answer:
                    assert answer["enterprise_id"] == environment["UNIQUE_ID"]
    assert len(EXAMPLES) == 6


def test_the_figures_of_the_page_are_those_of_the_program():
    text = " ".join(PAGE.split())
    size = Settings.model_fields["edfi_answer_size"].default
    for phrase in (
        f"`MPI_EDFI_ANSWER_SIZE` items, {size} unless set",
        f"up to {MAX_ITEMS} items",
        f"valid for {LIFETIME.total_seconds() / 60:.0f} minutes after the last call",
        f"at most {MAX_BATCHES}.",
        f"{MIN_DIGITS} or more `#` and at most {MAX_LENGTH} characters",
        f"at most {HIGHEST_SEARCH_SCORE}",
        f"at most {TWIN_SCORE:.0f}",
    ):
        assert phrase in text, phrase


def test_the_permissions_of_the_page_are_those_of_the_policy():
    for calls, route in (
        ("create", "POST /identity/v2/identities"),
        ("search", "POST /identity/v2/identities/search"),
        ("get, find, results", "GET /identity/v2/identities/{id}"),
    ):
        scopes = ", ".join(f"`{action}`" for action in ROUTES[route].actions)
        assert f"| {calls} | {scopes} |" in PAGE
