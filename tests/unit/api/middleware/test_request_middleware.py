import logging

import pytest

from mpi.api.app import create_app
from tests.index import with_settings
from tests.unit.api.live import calling, problem, send_raw

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/v1/events", "/nope", "/v1/persons/x", "/style.css", "/openapi.json"]
)
def test_every_answer_has_the_security_headers(people, path):
    headers = people.get(path).headers
    assert headers.items() >= HEADERS.items()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", ""]
)
def test_a_call_to_another_host_name_is_refused(people, host):
    # Probes know a pod by its address only: tests/unit/api/server/test_proxies.py.
    for path in ("/", "/v1/events", *(() if host == "10.0.0.1" else ("/healthz",))):
        problem(people.get(path, headers={"Host": host}), 421, "wrong-host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8520", "127.0.0.1", "127.0.0.2:1", "[::1]:8520"])
def test_a_call_to_a_loopback_name_is_answered(people, host):
    assert people.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_call_without_a_host_is_refused(call):
    answer = send_raw(str(call.base_url).rstrip("/"), b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b" 421 " in answer.split(b"\r\n")[0]


def test_metrics_count_by_route_and_status_and_contain_no_ids(call):
    call.get("/v1/sources/D01/records/metric-me")
    call.get("/not/a/route/metric-me")
    call.request("MADEUP", "/healthz")
    answer = call.get("/metrics", headers={"Authorization": ""})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    route = "/v1/sources/{source}/records/{local_id:path}"
    assert any(
        line.startswith(f'mpi_http_requests_total{{method="GET",route="{route}",status="404"}}')
        for line in lines
    )
    assert any(
        line.startswith('mpi_http_requests_total{method="GET",route="other",status="404"}') for line in lines
    )
    assert "metric-me" not in answer.text
    assert "MADEUP" not in answer.text
    count = next(
        line for line in lines if line.startswith(f'mpi_http_request_duration_seconds_count{{route="{route}"')
    )
    infinite = next(line for line in lines if f'_bucket{{le="+Inf",route="{route}"}}' in line)
    assert count.split()[-1] == infinite.split()[-1]


def test_the_access_log_shows_the_route_and_not_the_path_or_the_query(call, caplog):
    with caplog.at_level(logging.INFO, "mpi.access"):
        call.get("/v1/crosswalk?source=D01&local_id=log-me")
        call.get("/v1/sources/D01/records/log-me")
    log_text = "\n".join(record.getMessage() for record in caplog.records)
    assert "GET /v1/crosswalk 404" in log_text
    assert "log-me" not in caplog.text


def test_readiness_fails_when_the_index_has_another_model(call, monkeypatch, index):
    assert call.get("/readyz").json()["status"] == "ready"
    monkeypatch.setattr(type(index.matcher), "runs", lambda *_: False)
    problem(call.get("/readyz"), 503, "store-unusable")
    assert call.get("/healthz").status_code == 200


def test_readiness_fails_when_the_disk_is_nearly_full(fresh_index):
    with calling(create_app(with_settings(fresh_index, min_free_bytes=1 << 62)), None) as client:
        detail = problem(client.get("/readyz"), 503, "store-unusable")["detail"]
        assert "nearly full" in detail
        assert client.get("/healthz").status_code == 200
    with calling(create_app(with_settings(fresh_index, min_free_bytes=1)), None) as client:
        assert client.get("/readyz").status_code == 200
