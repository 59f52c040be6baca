"""A record that is sent goes the short way, and is answered as the long way would."""

import pytest

from mpi.api.fast_path import upsert
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client
from tests.index import make_child
from tests.unit.api.live import problem

CHILD = {"first_name": "Sendina", "last_name": "Shortley", "birth_date": "2012-02-30"}


@pytest.fixture
def long(monkeypatch):
    """Turns the long way on."""
    monkeypatch.setattr("mpi.api.fast_path.upsert._is_fast_path_request", lambda _: False)


def told(answer):
    kept = {"content-type", "cache-control", "x-content-type-options", "www-authenticate"}
    return answer.status_code, {n: v for n, v in answer.headers.items() if n in kept}


def put(call, local_id, **options):
    return call.put(f"/v1/sources/D01/records/{local_id}", **options)


def test_the_short_way_answers_byte_for_byte_what_the_long_way_does(call, request):
    short = put(call, "sent", json=make_child("sent", **CHILD))
    again = put(call, "sent", json=make_child("sent", **CHILD))
    request.getfixturevalue("long")
    other = put(call, "sent", json=make_child("sent", **CHILD))
    assert (again.content, told(again)) == (other.content, told(other))
    assert list(short.json()) == list(other.json())
    assert short.json()["record"] == "created"
    assert short.json()["issues"]


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
def test_what_the_long_way_refuses_the_short_way_refuses_alike(call, options, path, request):
    short = put(call, path, **options)
    request.getfixturevalue("long")
    other = put(call, path, **options)
    assert told(short) == told(other)
    leave = {"instance", "enterprise_id", "outcome", "record"}
    assert {n: v for n, v in short.json().items() if n not in leave} == {
        n: v for n, v in other.json().items() if n not in leave
    }


def test_an_empty_bearer_leaves_the_other_form_of_the_key(call, request):
    key = call.headers["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": "Bearer", "X-API-Key": key}
    sent = {"json": make_child("forms", **CHILD), "headers": headers}
    assert put(call, "forms", **sent).status_code == 200
    request.getfixturevalue("long")
    assert put(call, "forms", **sent).status_code == 200


def test_a_call_with_a_key_of_its_own_is_done_once_whichever_way_it_comes(call, request):
    headers = {"Idempotency-Key": "sent-once"}
    sent = {"json": make_child("once", **CHILD), "headers": headers}
    first = put(call, "once", **sent)
    assert put(call, "once", **sent).content == first.content
    request.getfixturevalue("long")
    assert put(call, "once", **sent).content == first.content
    other = {"json": make_child("once", first_name="Other"), "headers": headers}
    problem(put(call, "once", **other), 422, "idempotency-key-reused")


def test_a_client_sends_to_its_own_sources_until_its_key_is_revoked(call, index):
    key = add_client(index, make_operator(), "sends", ["record.write"], ["D01"])
    mine = {"json": make_child("mine", **CHILD), "headers": {"Authorization": f"Bearer {key}"}}
    assert put(call, "mine", **mine).status_code == 200
    problem(call.put("/v1/sources/none/records/mine", **mine), 403, "access-denied")
    revoke_client(index, make_operator(), "sends")
    problem(put(call, "mine", **mine), 401, "not-authenticated")


def test_the_common_call_goes_the_short_way(call, monkeypatch):
    taken = []
    short = upsert._upsert_record
    monkeypatch.setattr(upsert, "_upsert_record", lambda *given: taken.append(1) or short(*given))
    assert put(call, "way", json=make_child("way", **CHILD)).status_code == 200
    assert taken
