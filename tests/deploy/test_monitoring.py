"""Alerts and dashboard use metrics that a server and ``mpi metrics`` export."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

from mpi.api.app import create_app
from mpi.api.middleware.index_metrics import find_latest_backup, render_index_metrics
from mpi.cli.main import run
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Viewer, make_operator
from tests.index import load_rows, make_child, open_test_index
from tests.unit.api.live import calling

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "scripts" / "deploy" / "monitoring"
RULES = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Names of the metrics of a server that has answered, and of an index that has loaded a file."""
    home, backups = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("backups")
    with open_test_index(home, "D01") as index:
        load_rows(index, "D01", make_child("1", first_name="Xanthippe"))
        with calling(create_app(index), None) as client:
            client.get("/healthz")
            text = client.get("/metrics").text
        text += render_index_metrics(index, make_operator(), backups)
    return text


def list_names(text):
    return {re.match(r"\w+", line).group() for line in text.splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_parses_and_its_metrics_are_exported(expression, exported):
    promql_parser.parse(expression)
    used = set(re.findall(r"\bmpi_\w+", expression))
    assert used or "up{" in expression
    # A count has no series before it is published.
    assert used - {"mpi_published_count"} <= list_names(exported)


def test_every_metric_is_documented(exported):
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    families = set(re.findall(r"^# TYPE (\w+)", exported, re.MULTILINE))
    assert {name for name in families if f"`{name}`" not in page} == set()


def test_every_alert_has_a_severity_and_a_runbook_that_names_it():
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    sections = {part.split("\n")[0].lower().replace(" ", "-"): part for part in page.split("\n## ")[1:]}
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        path, _, heading = rule["annotations"]["runbook"].partition("#")
        assert path == "docs/how-to/monitor.md"
        assert f"`{rule['alert']}`" in sections[heading]


def test_service_levels_name_alerts_that_exist():
    page = (ROOT / "docs" / "explanation" / "service-levels.md").read_text()
    named = set(re.findall(r"`(Mpi\w+)`", page))
    assert named
    assert named <= {rule["alert"] for rule in RULES}


def test_panels_do_not_overlap_and_have_one_data_source():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}


def test_no_metric_holds_a_value_of_a_record(exported):
    assert "Xanthippe" not in exported
    assert "D01" in exported


def test_a_load_that_is_done_is_told(exported):
    assert 'mpi_last_load_done{source="D01"} 1.0' in exported
    seconds = re.search(r'mpi_last_load_timestamp_seconds{source="D01"} (\S+)', exported).group(1)
    assert float(seconds) > 1_700_000_000


def test_a_viewer_without_the_right_gets_no_figures(tmp_path):
    with open_test_index(tmp_path, "D01") as index, pytest.raises(AccessDenied):
        render_index_metrics(index, Viewer("nobody"))


def test_the_latest_backup_is_a_complete_one(tmp_path):
    assert find_latest_backup(tmp_path / "none") is None
    (tmp_path / "interrupted").mkdir()
    assert find_latest_backup(tmp_path) is None
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "complete").touch()
    assert find_latest_backup(tmp_path) == (tmp_path / "whole" / "complete").stat().st_mtime
    (tmp_path / ".mpi.age.x.partial").touch()
    (tmp_path / "mpi.age").touch()
    os.utime(tmp_path / "mpi.age", (4_000_000_000, 4_000_000_000))
    assert find_latest_backup(tmp_path) == 4_000_000_000


def test_the_command_replaces_a_file_at_once_and_says_if_it_cannot(tmp_path, monkeypatch, capsys):
    with open_test_index(tmp_path, "D01"):
        pass
    monkeypatch.setenv("MPI_HOME", str(tmp_path))
    monkeypatch.setenv("MPI_MODEL", str(tmp_path / "tiny"))
    out = tmp_path / "figures" / "mpi.prom"
    assert run(["metrics", "--out", str(out)]) == 10
    assert "--out" in capsys.readouterr().err
    out.parent.mkdir()
    assert run(["metrics", "--out", str(out)]) == 0
    assert "mpi_build_info{" in out.read_text()
    assert [path.name for path in out.parent.iterdir()] == ["mpi.prom"]


ALERT_TESTS = sorted(MONITORING.glob("*.test.yaml"))


def test_every_alert_is_tested_to_fire_and_to_stay_silent():
    cases = [
        case
        for path in ALERT_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    alerts = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: apt-get install promtool")
def test_alerts_fire_and_stay_silent_in_prometheus_own_evaluation():
    command = ["promtool", "test", "rules", *(path.name for path in ALERT_TESTS)]
    answer = subprocess.run(command, cwd=MONITORING, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
