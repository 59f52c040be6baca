"""The sandbox marks its answers, and never opens what exists."""

import gzip
import json
import os
import re
import subprocess
import sys
import time

import httpx
import pytest

from mpi.cli.main import run as run_command
from mpi.client.conformance import main as check
from mpi.domain.errors import ConflictError
from mpi.sandbox.sandbox_index import SandboxSettings, open_sandbox
from mpi.sandbox.scenarios import SCENARIOS
from tests.unit.api.live import PLAIN


def test_every_answer_says_that_it_is_the_sandbox(live):
    with live.calls() as call:
        for path in ("/healthz", "/v1/nothing", "/sandbox/report", "/sandbox/nothing", "/", "/style.css"):
            assert call.get(path).headers["x-sandbox"] == "true", path
        page = call.get("/queue")
    assert page.headers["x-sandbox"] == "true"
    assert "Sandbox for vendors." in page.text


def test_its_own_paths_need_the_key(live):
    for path in ("/sandbox/report", "/sandbox/scenarios"):
        answer = httpx.get(live.url + path, verify=PLAIN)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:mpi:problem:not-authenticated")


def test_calls_without_the_key_count_for_nothing(live):
    answer = httpx.put(f"{live.url}/v1/sources/sis/records/1", json={"last_name": "Limitford"}, verify=PLAIN)
    assert answer.status_code == 401


def test_folder_that_holds_something_is_left_as_it_is(tmp_path):
    (tmp_path / "mpi.db").write_bytes(b"real")
    with pytest.raises(ConflictError, match="never opens an index that exists"), open_sandbox(tmp_path):
        pass
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("mpi.db", b"real")]


def test_database_of_the_environment_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("MPI_DATABASE_URL", "sqlite:////nowhere/mpi.db")
    assert run_command(["serve", "--sandbox"]) != 0
    assert "never opens the database of MPI_DATABASE_URL" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--workers", "2"], ["--tls-cert", "a.pem"]])
def test_options_of_a_public_server_are_refused(option, capsys):
    assert run_command(["serve", "--sandbox", *option]) != 0
    assert "--sandbox serves this machine" in capsys.readouterr().err


def test_no_variable_of_the_environment_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("MPI_SMTP_HOST", "mail.example.gov")
    monkeypatch.setenv("MPI_SECRET_FILE", "/nowhere")
    settings = SandboxSettings(home=tmp_path)
    assert (settings.smtp_host, settings.secret_file) == (None, None)


def test_temporary_folder_is_deleted_at_the_end():
    with open_sandbox() as sandbox:
        assert (sandbox.folder / "index" / "mpi.db").exists()
    assert not sandbox.folder.exists()


@pytest.mark.slow
def test_command_prints_a_key_and_leaves_no_folder(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mpi", "serve", "--sandbox", "--port", "0"],
        env=environment | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().split()[2].startswith("mpi_")
        assert [path.name[:12] for path in tmp_path.iterdir()] == ["mpi-sandbox-"]
        time.sleep(1)  # until the server listens
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_conformance_check_lists_scenarios_and_results(live, capsys):
    options = ["--url", live.url, "--key", live.key]
    assert check(["scenarios", *options]) == 0
    listed = capsys.readouterr().out
    assert [scenario.code for scenario in SCENARIOS if scenario.code not in listed] == []
    assert '"last_name": "Linkworth"' in listed
    assert check(["report", *options]) == 1
    assert re.findall(r"^open +(\S+)", capsys.readouterr().out, re.MULTILINE) == [
        scenario.code for scenario in SCENARIOS
    ]


def test_conformance_check_says_what_is_wrong(live, capsys):
    assert check(["report", "--url", live.url, "--key", "mpi_wrong"]) == 2
    assert "not that of this sandbox" in capsys.readouterr().err
    assert check(["report", "--url", "http://127.0.0.1:9", "--key", "mpi_wrong"]) == 2
    assert "does the sandbox run" in capsys.readouterr().err


def test_record_that_came_over_ed_fi_counts(live):
    child = {
        "LastSurname": "Retirewood",
        "FirstName": "Otis",
        "BirthDate": "2010-01-25T00:00:00",
        "SexType": "Male",
    }
    with live.calls() as call:
        assert call.post("/identity/v2/identities", json=child).status_code == 201
        deadline = time.monotonic() + 20
        while call.get("/v1/events").json()["events"][-1]["cause"] != "merge":
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_compressed_records_and_answers_are_read_as_plain_ones(live):
    record = {"first_name": "Hugo", "last_name": "Limitford", "birth_date": "2011-12-05"}
    sent = {"content": gzip.compress(json.dumps(record).encode()), "headers": {"Content-Encoding": "gzip"}}
    with live.calls() as call:
        assert call.put("/v1/sources/sis/records/V-7", **sent).status_code == 429
        assert call.put("/v1/sources/sis/records/V-7", **sent).is_success
        page = call.get("/v1/events", params={"limit": 1_000})
        assert page.headers["content-encoding"] == "gzip"
        call.get("/v1/events", params={"after": page.json()["cursor"]})
    assert live.results()["feed"][0] == "passed"
