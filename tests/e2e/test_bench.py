"""The benchmark still runs to its end; no other test covers its code."""

import json
import subprocess
import sys

import pytest

from mpi.policy.route_table import ROUTES
from tests.bench.pages import INTERFACES, NO_PAGES


@pytest.mark.slow
def test_the_benchmark_measures_a_small_state_and_splink_on_the_same_records():
    command = [sys.executable, "-m", "tests.bench", "--records", "600", "--store", "sqlite"]
    process = subprocess.run(
        [*command, "--parts", "scoring", "batch"], check=True, capture_output=True, text=True, timeout=600
    )
    figures = json.loads(process.stdout)["sqlite"]
    assert figures["load"]["records"] >= figures["recluster"]["records"] > 0
    assert figures["recluster"]["moved"] == 0
    assert figures["recluster"]["splink_predict_and_cluster_s"] > 0
    assert all(figures["scoring"]["splink"].values())
    assert figures["scoring"]["pair"]["p50_us"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_the_benchmark_measures_a_server_and_a_delta_on_a_small_state(store):
    command = [sys.executable, "-m", "tests.bench", "--records", "600", "--store", store, "--workers", "1"]
    process = subprocess.run(
        [*command, "--parts", "online", "beside", "delta", "--calls", "20", "--seconds", "1"],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    figures = json.loads(process.stdout)[store]
    assert figures["http"]["resolve"]["calls"] == 20
    assert figures["http"]["resolve_8_clients"]["calls"] > 0
    assert figures["http"]["look_up_while_loading"]["load_exit"] == 0
    rounds = figures["beside_splink"]["of_each_round"]
    assert len(rounds) == 10
    assert all(search_ms > resolve_ms > 0 for resolve_ms, search_ms in rounds)
    assert figures["delta"]["created"] == 1
    assert 0 < figures["delta"]["updated"] < figures["delta"]["rows"]


@pytest.mark.slow
def test_the_benchmark_measures_every_page_of_the_route_table():
    command = [sys.executable, "-m", "tests.bench.pages", "--records", "2000", "--calls", "1"]
    process = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    measured = json.loads(process.stdout)["pages"]
    addresses = {
        route.removeprefix("GET ")
        for route, rule in ROUTES.items()
        if route.startswith("GET ") and not rule.is_public
    }
    pages = {path for path in addresses if path.startswith("/") and not path.startswith(INTERFACES)}
    assert pages - measured.keys() == NO_PAGES & pages
