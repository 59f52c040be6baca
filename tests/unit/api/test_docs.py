"""Every example of docs/api.md runs against a live server and is answered in the shown shape."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.api.request.problems import STATUS_BY_ERROR
from mpi.domain import eid
from mpi.domain.errors import FileError, LoadHeld, MappingError, ModelError, MpiError
from mpi.domain.viewer import PURPOSES
from tests.index import make_child, open_test_index
from tests.unit.api.live import add_key, calling

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", PAGE, re.DOTALL)
NOT_OVER_HTTP = {MpiError, LoadHeld, ModelError, FileError, MappingError}


def shape(value):
    """Return the shape of a value: names and types, a list by its first element."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl, which is not here")
def test_every_example_runs_and_is_answered_as_shown(tmp_path):
    with (
        open_test_index(tmp_path, "D01-SIS", "CCWIS") as index,
        calling(create_app(index), add_key(index, "docs")) as call,
    ):
        call.put(
            "/v1/sources/D01-SIS/records/12346", json=make_child(None, first_name="Zoe", last_name="Quist")
        )
        environment = os.environ | {"MPI": str(call.base_url).rstrip("/"), "KEY": "mpi_test_docs"}
        for command, expected in EXAMPLES:
            process = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
            answer = json.loads(process.stdout)
            assert shape(answer) == shape(json.loads(expected)), command
            if isinstance(answer, dict) and "D01%2F12345" in command:
                environment["EID"] = answer["enterprise_id"]
    assert len(EXAMPLES) == 21


def test_every_purpose_is_listed():
    assert [purpose for purpose in PURPOSES if f"`{purpose}`" not in PAGE] == []


def test_every_route_is_shown():
    paths = create_app(None).openapi()["paths"]
    for path in paths:
        stem = path.split("/{")[0]
        assert stem in PAGE, path


def test_every_error_is_listed_with_its_status():
    for error_class, (status, _) in STATUS_BY_ERROR.items():
        if error_class not in NOT_OVER_HTTP:
            assert re.search(rf"^\| `{error_class.code}` \| {status.value} \|", PAGE, re.MULTILINE), (
                error_class
            )


def test_the_enterprise_ids_shown_are_valid_except_the_invalid_example():
    for shown_id in set(re.findall(r"\bT[0-9A-Z]{3}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", PAGE)) - {"T7K3-M92Q-X0HA"}:
        assert eid.parse_eid(shown_id) == shown_id
