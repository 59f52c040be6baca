"""The fast upsert answers a common request like the full route."""

import pytest

from mpi.api.fast_path import upsert
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client
from tests.index import make_child
from tests.unit.api.live import problem

CHILD = {"first_name": "Sendina", "last_name": "Shortley", "birth_date": "2012-02-30"}


@pytest.fixture
def full_route(monkeypatch):
    """Disable the fast path."""
    monkeypatch.setattr("mpi.api.fast_path.upsert._is_fast_path_request", lambda _: False)


def comparable_parts(answer):
    header_names = {"content-type", "cache-control", "x-content-type-options", "www-authenticate"}
    return answer.status_code, {n: v for n, v in answer.headers.items() if n in header_names}


def put(call, local_id, **options):
    return call.put(f"/v1/sources/D01/records/{local_id}", **options)


def test_the_fast_path_answers_byte_for_byte_like_the_full_route(call, request):
    first_answer = put(call, "sent", json=make_child("sent", **CHILD))
    fast_answer = put(call, "sent", json=make_child("sent", **CHILD))
    request.getfixturevalue("full_route")
    full_answer = put(call, "sent", json=make_child("sent", **CHILD))
    assert (fast_answer.content, comparable_parts(fast_answer)) == (
        full_answer.content,
        comparable_parts(full_answer),
    )
    assert list(first_answer.json()) == list(full_answer.json())
    assert first_answer.json()["record"] == "created"
    assert first_answer.json()["issues"]


@pytest.mark.parametrize(
    "options",
    [
        {"content": b"{"},
        {"content": b"[]"},
        {"content": b""},
        {"content": b"\xff"},
        {"content": b"x" * 1_000_001},
        {"json": {"local_id": "another"}},
        {"json": {"birth_date": 7}},
        {"json": {}, "headers": {"Authorization": "Bearer wrong"}},
        {"content": b"x" * 1_000_001, "headers": {"Authorization": ""}},
        {"content": b"{", "headers": {"Authorization": "Basic eA=="}},
        {"json": {}, "headers": {"Purpose-Of-Use": "curiosity"}},
        {"json": {}, "headers": {"Idempotency-Key": ""}},
        {"json": {}, "params": {"as_of": "2026-01-01"}},
    ],
)
@pytest.mark.parametrize("path", ["refused", "a%00b", "%ff", "%zz", "a/b", "a%2Fb"])
def test_the_fast_path_refuses_what_the_full_route_refuses(call, options, path, request):
    fast_answer = put(call, path, **options)
    request.getfixturevalue("full_route")
    full_answer = put(call, path, **options)
    assert comparable_parts(fast_answer) == comparable_parts(full_answer)
    ignored_members = {"instance", "enterprise_id", "outcome", "record"}
    assert {n: v for n, v in fast_answer.json().items() if n not in ignored_members} == {
        n: v for n, v in full_answer.json().items() if n not in ignored_members
    }


def test_an_empty_bearer_header_leaves_the_other_key_header_in_effect(call, request):
    key = call.headers["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": "Bearer", "X-API-Key": key}
    request_options = {"json": make_child("forms", **CHILD), "headers": headers}
    assert put(call, "forms", **request_options).status_code == 200
    request.getfixturevalue("full_route")
    assert put(call, "forms", **request_options).status_code == 200


def test_an_idempotent_call_runs_once_on_either_path(call, request):
    headers = {"Idempotency-Key": "sent-once"}
    request_options = {"json": make_child("once", **CHILD), "headers": headers}
    first_answer = put(call, "once", **request_options)
    assert put(call, "once", **request_options).content == first_answer.content
    request.getfixturevalue("full_route")
    assert put(call, "once", **request_options).content == first_answer.content
    other_options = {"json": make_child("once", first_name="Other"), "headers": headers}
    problem(put(call, "once", **other_options), 422, "idempotency-key-reused")


def test_a_client_writes_to_its_own_sources_until_its_key_is_revoked(call, index):
    key = add_client(index, make_operator(), "sends", ["record.write"], ["D01"])
    own_options = {"json": make_child("mine", **CHILD), "headers": {"Authorization": f"Bearer {key}"}}
    assert put(call, "mine", **own_options).status_code == 200
    problem(call.put("/v1/sources/none/records/mine", **own_options), 403, "access-denied")
    revoke_client(index, make_operator(), "sends")
    problem(put(call, "mine", **own_options), 401, "not-authenticated")


def test_a_common_call_takes_the_fast_path(call, monkeypatch):
    calls = []
    upsert_record = upsert._upsert_record
    monkeypatch.setattr(
        upsert, "_upsert_record", lambda *arguments: calls.append(1) or upsert_record(*arguments)
    )
    assert put(call, "way", json=make_child("way", **CHILD)).status_code == 200
    assert calls
