import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mpi.api.middleware.metrics import SHARED_FOLDER_VARIABLE, Metrics


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return sample values by name and route."""
    return {
        (sample.name, sample.labels.get("route", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_application_has_separate_counts():
    metrics, other_metrics = Metrics(), Metrics()
    metrics.record_call("GET", "/v1/events", 200, 0.02)
    values = samples(metrics.render())
    assert values["mpi_http_requests_total", "/v1/events"] == 1
    assert values["mpi_http_request_duration_seconds_sum", "/v1/events"] == pytest.approx(0.02)
    assert not [name for name, _ in values if name.endswith("_created")]
    assert samples(other_metrics.render()) == {}


def test_any_worker_answers_with_the_counts_of_all_workers(tmp_path):
    program = (
        "from mpi.api.middleware.metrics import Metrics\nimport sys\nmetrics = Metrics()\n"
        "metrics.record_call('GET', '/v1/events', 200, 0.02)\n"
        "print(metrics.render())"
    )
    environment = os.environ | {SHARED_FOLDER_VARIABLE: str(tmp_path)}
    for worker in (1, 2):
        text = subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout
        values = samples(text)
        assert values["mpi_http_requests_total", "/v1/events"] == worker
        assert values["mpi_http_request_duration_seconds_count", "/v1/events"] == worker
