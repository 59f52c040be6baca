"""The benchmark still runs to its end: what it measures is measured by hand, and its code by nothing else."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_benchmark_measures_a_small_state_and_splink_on_the_same_records():
    command = [sys.executable, "-m", "tests.bench", "--records", "600", "--store", "sqlite"]
    told = subprocess.run(
        [*command, "--parts", "scoring", "batch"], check=True, capture_output=True, text=True, timeout=600
    )
    found = json.loads(told.stdout)["sqlite"]
    assert found["load"]["records"] >= found["recluster"]["records"] > 0
    assert found["recluster"]["moved"] == 0
    assert found["recluster"]["splink_predict_and_cluster_s"] > 0
    assert all(found["scoring"]["splink"].values())
    assert found["scoring"]["pair"]["p50_us"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_the_benchmark_measures_what_is_served_and_a_delta_on_a_small_state(store):
    command = [sys.executable, "-m", "tests.bench", "--records", "600", "--store", store, "--workers", "1"]
    told = subprocess.run(
        [*command, "--parts", "online", "beside", "delta", "--calls", "20", "--seconds", "1"],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = json.loads(told.stdout)[store]
    assert found["http"]["resolve"]["calls"] == 20
    assert found["http"]["resolve_8_clients"]["calls"] > 0
    assert found["http"]["look_up_while_loading"]["load_exit"] == 0
    rounds = found["beside_splink"]["of_each_round"]
    assert len(rounds) == 10
    assert all(theirs > ours > 0 for ours, theirs in rounds)
    assert found["delta"]["created"] == 1
    assert 0 < found["delta"]["updated"] < found["delta"]["rows"]
