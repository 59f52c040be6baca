"""Retries, time-outs and errors, at a server that fails on purpose."""

import logging
import pickle
import socket

import pytest

from mpi.client import (
    ConnectionFailedError,
    InvalidAnswerError,
    InvalidRequestError,
    RetryPolicy,
    ServerFaultError,
    TooManyCallsError,
    UnavailableError,
)
from tests.clients import CLOSE, QUICK, Reaction, busy

ENTRY = Reaction(body={"enterprise_id": "T7K3-M92Q-X0HN"})
RECORD = {"local_id": "secret-local-id", "first_name": "Waldtraut"}
RESOLVED = {
    "source": "D01", "local_id": "secret-local-id", "enterprise_id": None, "outcome": "created",
    "record": "created", "provisional": False, "tasks": [], "issues": [],
}  # fmt: skip
DECISION = {"kind": "SAME"}


@pytest.mark.parametrize(
    "fault",
    [
        busy(429), busy(503), busy(502), busy(504), busy(408), CLOSE,
        Reaction(body={"enterprise_id": None}, missing_bytes=5),
    ],
    ids=["429", "503", "502", "504", "408", "closed", "broken off"],
)  # fmt: skip
def test_a_read_is_made_again_after_a_passing_fault(faulty, faults, fault):
    faults.react(fault, fault, ENTRY)
    assert faulty.find_enterprise_id("D01", "1") == "T7K3-M92Q-X0HN"
    assert len(faults.requests) == QUICK.attempts == 3


def test_a_record_is_sent_again_and_is_the_same(faulty, faults):
    faults.react(busy(503), CLOSE, Reaction(body=RESOLVED))
    faulty.upsert("D01", RECORD, idempotency_key="k-1")
    first, *others = [(m, path, h["Idempotency-Key"], body) for m, path, h, body in faults.requests]
    assert others == [first, first]


def test_the_last_error_is_raised_when_all_attempts_failed(faulty, faults):
    faults.react(busy(429, "0"))
    with pytest.raises(TooManyCallsError) as caught:
        faulty.search(RECORD)
    assert caught.value.retry_after_s == 0
    assert len(faults.requests) == 3
    faults.react(CLOSE)
    with pytest.raises(ConnectionFailedError):
        faulty.read_record("D01", "1")
    assert len(faults.requests) == 3


@pytest.mark.parametrize("fault", [busy(503), busy(429), CLOSE], ids=["503", "429", "closed"])
def test_a_call_that_may_not_be_repeated_is_made_once(faulty, faults, fault):
    faults.react(fault)
    with pytest.raises((UnavailableError, TooManyCallsError, ConnectionFailedError)):
        faulty.request("POST", "/v1/decisions", body=DECISION)
    assert len(faults.requests) == 1


def test_an_idempotency_key_makes_a_call_repeatable(faulty, faults):
    faults.react(CLOSE, busy(503), Reaction(body={"step": 1}))
    assert faulty.request("POST", "/v1/decisions", body=DECISION, idempotency_key="k").body == {"step": 1}
    assert {headers["Idempotency-Key"] for _, _, headers, _ in faults.requests} == {"k"}


def test_a_longer_wait_than_the_policy_allows_is_left_to_the_program(faulty, faults):
    faults.react(busy(429, "3600"))
    with pytest.raises(TooManyCallsError) as caught:
        faulty.find_enterprise_id("D01", "1")
    assert caught.value.retry_after_s == 3600
    assert len(faults.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 500, 302])
def test_an_error_that_would_come_again_is_raised_at_once(faulty, faults, status):
    faults.react(Reaction(status, {}, {"Location": faults.url}))
    with pytest.raises(Exception, match=f"HTTP {status}"):
        faulty.find_enterprise_id("D01", "1")
    assert len(faults.requests) == 1


def test_a_server_that_does_not_answer_in_time_is_given_up(open_one, faults):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = open_one(url, "key", timeout_s=0.05, retry=RetryPolicy(attempts=1))
        with pytest.raises(ConnectionFailedError, match="in time"):
            client.find_enterprise_id("D01", "1")
    with pytest.raises(ConnectionFailedError, match="cannot be reached"):
        client.find_enterprise_id("D01", "1")


@pytest.mark.parametrize(
    "body",
    [b"<html>It works</html>", b"", b"[" * 20_000, [], {}, {"enterprise_id": 7}, b"\xff\xfe"],
    ids=["html", "empty", "deep", "list", "no member", "number", "no text"],
)
def test_what_is_no_answer_of_the_index_is_an_error(faulty, faults, body):
    faults.react(Reaction(body=body))
    with pytest.raises(InvalidAnswerError):
        faulty.find_enterprise_id("D01", "1")


def test_an_answer_with_an_unknown_encoding_is_an_error(faulty, faults):
    faults.react(Reaction(body=b"no gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(InvalidAnswerError, match="decoded"):
        faulty.find_enterprise_id("D01", "1")


def test_a_newer_index_may_send_more_members(faulty, faults):
    faults.react(Reaction(body=RESOLVED | {"mood": "fine", "outcome": "teleported"}))
    assert faulty.upsert("D01", RECORD).outcome == "teleported"


def test_errors_and_logs_hold_no_local_id_value_or_key(faulty, faults, caplog):
    caplog.set_level(logging.INFO)
    html = b"<html>no route for /v1/sources/D01/records/secret-local-id</html>"
    gateway = {"type": "about:blank", "title": "secret-local-id", "detail": "secret-local-id"}
    errors = []
    for reaction in (Reaction(502, html), Reaction(404, gateway), Reaction(500, html), CLOSE):
        faults.react(reaction)
        with pytest.raises(Exception) as caught:
            faulty.upsert("D01", RECORD)
        errors.append(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    shown = "".join(f"{error}{error!r}" for error in errors) + caplog.text
    assert "HTTP Request: PUT" in caplog.text
    for secret in ("secret-local-id", "Waldtraut", "secret-key"):
        assert secret not in shown
    assert isinstance(errors[2], ServerFaultError)


def test_a_problem_tells_what_to_do_and_keeps_the_request_id(faulty, faults):
    problem = {
        "type": "urn:mpi:problem:invalid-input", "title": "The request is wrong", "status": 400,
        "detail": "give text", "instance": "urn:uuid:0b1f6f0e-6b1f-4f5a-9a38-2f4e3a7f6a10",
    }  # fmt: skip
    faults.react(Reaction(400, problem))
    with pytest.raises(InvalidRequestError) as caught:
        faulty.find_enterprise_id("D01", "1")
    assert str(caught.value) == (
        "The request is wrong: give text "
        "(invalid-input, HTTP 400, request 0b1f6f0e-6b1f-4f5a-9a38-2f4e3a7f6a10)"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_the_client_sends_names_it_and_its_purpose(open_one, faults):
    faults.react(ENTRY)
    client = open_one(f"{faults.url}/gateway/", "key", purpose="school_stability")
    client.find_enterprise_id("D01", "1")
    client.find_enterprise_id("D01", "1", purpose="transport")
    [(_, path, first, _), (_, _, second, _)] = faults.requests
    assert path.startswith("/gateway/v1/crosswalk?")
    assert first["User-Agent"].startswith("mpi-client/")
    assert [first["Purpose-Of-Use"], second["Purpose-Of-Use"]] == ["school_stability", "transport"]


@pytest.mark.parametrize(
    "url",
    [
        "", "mpi.example.gov", "ftp://mpi.example.gov", "http://mpi.example.gov", "https://",
        # pragma: allowlist nextline secret - made up
        "https://user:pw@mpi.example.gov", "https://mpi.example.gov/?key=1", None,
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused(open_one, url):
    with pytest.raises(ValueError, match="https://"):
        open_one(url, "key")


def test_plain_http_to_another_machine_must_be_allowed(open_one):
    open_one("http://mpi.example.gov", "key", allow_plain_http=True)
