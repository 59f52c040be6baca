"""Logs and traces tell which client called which route, and nothing of a person."""

import asyncio
import io
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from mpi.api.app import create_app
from mpi.api.server.log_lines import FIELDS, LogOutput, start_log
from mpi.api.server.tracing import TracedApplication, trace_calls
from mpi.domain.errors import InputError
from tests.unit.api.live import add_key, calling

CANARY = "Xanthippe"
TRACE = "0af7651916cd43dd8448eb211c80319c"
HOSTILE = {
    "User-Agent": CANARY,
    "Referer": f"https://example.org/{CANARY}",
    "Cookie": f"a={CANARY}",
    "X-Forwarded-For": CANARY,
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    "tracestate": f"mpi={CANARY}",
    "baggage": f"child={CANARY}",
}
RECORD = {"first_name": CANARY, "last_name": "Quill", "birth_date": "2014-05-06", "sex": "F"}


@pytest.fixture
def log(tmp_path):
    """The program's log as JSON lines, as ``mpi serve`` writes it; the loggers are put back."""
    loggers = [logging.getLogger(name) for name in ("mpi", "uvicorn.error")]
    before = [(each, list(each.handlers), each.propagate, each.level) for each in loggers]
    stream = io.StringIO()
    start_log(LogOutput("json", tmp_path / "security.jsonl", stream=stream))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for handler in loggers[0].handlers:
        handler.close()
    for each, handlers, propagate, level in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.fixture
def tracer_and_spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("test"), exporter
    provider.shutdown()


def send_calls(call):
    """Send a person's data in every part of a request, by each kind of route."""
    path = f"/v1/sources/D01/records/{CANARY}-1"
    call.put(path, json={**RECORD, "local_id": f"{CANARY}-1"}, headers=HOSTILE)
    call.get(f"/v1/crosswalk?source=D01&local_id={CANARY}-1", headers=HOSTILE)
    call.post("/v1/persons:search", json=RECORD, headers=HOSTILE)
    call.post("/v1/persons:search", content=CANARY.encode(), headers=HOSTILE)
    call.get(f"/{CANARY}?q={CANARY}", headers=HOSTILE)
    call.request("PROPFIND", path, headers=HOSTILE)
    call.get(path, headers={**HOSTILE, "Authorization": f"Bearer {CANARY}"})
    call.get(path, headers={**HOSTILE, "Host": CANARY})
    call.get("/desk", headers={**HOSTILE, "Authorization": ""})


def test_log_and_spans_name_client_and_route_and_hold_nothing_of_a_person(
    fresh_index, log, tracer_and_spans, tmp_path
):
    tracer, exporter = tracer_and_spans
    key = add_key(fresh_index, "sis-vendor")
    with calling(TracedApplication(create_app(fresh_index), tracer), key) as call:
        send_calls(call)
    lines, spans = log(), exporter.get_finished_spans()
    calls = [line for line in lines if line["event"] == "request"]
    assert len(calls) == len(spans) == 9
    put = calls[0]
    assert {**put, "time": 0, "ms": 0, "request_id": 0} == {
        "time": 0, "level": "info", "logger": "mpi.access", "event": "request", "request_id": 0,
        "client": "sis-vendor", "method": "PUT", "route": "/v1/sources/{source}/records/{local_id:path}",
        "status": 200, "ms": 0,
    }  # fmt: skip
    assert [line["client"] for line in calls] == [*["sis-vendor"] * 4, *"-----"]
    assert calls[5]["method"] == "OTHER"
    span = spans[0]
    assert span.name == "PUT /v1/sources/{source}/records/{local_id:path}"
    assert dict(span.attributes) == {
        "http.request.method": "PUT", "http.route": put["route"], "http.response.status_code": 200,
        "mpi.request_id": put["request_id"], "mpi.client": "sis-vendor",
    }  # fmt: skip
    assert f"{span.context.trace_id:032x}" == TRACE, "the caller's trace goes on"
    assert all(set(line) <= set(FIELDS) for line in lines)
    assert [line.get("security_event") for line in calls] == [
        *[None] * 6, "credential-refused", "host-refused", None
    ]  # fmt: skip
    events = (tmp_path / "security.jsonl").read_text()
    refused, wrong_host = map(json.loads, events.splitlines())
    assert refused["labels"]["request_id"] == calls[6]["request_id"]
    assert (refused["event.action"], wrong_host["event.action"]) == ("credential-refused", "host-refused")
    for text in (json.dumps(lines), events, "".join(span.to_json() for span in spans)):
        assert CANARY.lower() not in text.lower()
        assert "Quill" not in text


def test_a_line_within_a_call_has_its_request_id_and_no_traceback(index, key, log, monkeypatch):
    def fail(*_args, **_kwargs):
        try:
            int(CANARY)
        except ValueError:
            logging.getLogger("mpi.policy").warning("something", extra={"path": CANARY}, exc_info=True)
            raise

    app = create_app(index)
    monkeypatch.setattr("mpi.api.request.authentication.authenticate", fail)
    with calling(app, key) as call:
        assert call.get("/v1/sources").status_code == 500
    inner, failure, request = log()
    assert inner["event"] == "something"
    assert inner["request_id"] == failure["request_id"] == request["request_id"]
    assert CANARY not in json.dumps([inner, failure, request])
    assert request["status"] == 500


def test_a_failed_call_is_an_error_span_without_the_message(tracer_and_spans):
    async def fail(_scope, _receive, _send):
        raise RuntimeError(CANARY)

    tracer, exporter = tracer_and_spans
    scope = {"type": "http", "method": "GET", "path": f"/{CANARY}", "headers": []}
    with pytest.raises(RuntimeError):
        asyncio.run(TracedApplication(fail, tracer)(scope, None, None))
    [span] = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert CANARY not in span.to_json()


def test_spans_reach_a_collector_at_the_address_that_is_set(index, key):
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            app = trace_calls(create_app(index), f"http://127.0.0.1:{server.server_port}/")
            with calling(app, key) as call:
                call.get(f"/v1/crosswalk?source=D01&local_id={CANARY}")
            app._tracer.span_processor.force_flush()
            app._tracer.span_processor.shutdown()
        finally:
            server.shutdown()
            thread.join()
    [(path, body)] = bodies
    assert path == "/v1/traces"
    assert b"/v1/crosswalk" in body
    assert b"master-person-index" in body
    assert CANARY.encode() not in body


def test_nothing_is_traced_unless_an_address_is_set(index, monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    app = create_app(index)
    assert trace_calls(app, None) is app


@pytest.mark.parametrize("is_by_setting", [True, False])
def test_an_install_without_the_extra_says_which_one_brings_traces(index, monkeypatch, caplog, is_by_setting):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    app = create_app(index)
    if is_by_setting:
        with pytest.raises(InputError, match=r"pip install '\.\[otel\]'"):
            trace_calls(app, "http://127.0.0.1:4318")
        return
    # A variable that a cluster sets for all programs ends no server.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert trace_calls(app, None) is app
    assert "extra otel" in caplog.text
