"""A look-up of the common form goes the short way, and is what the long way would be."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpi.api.fast_path.look_up import LookUpRoute
from mpi.api.routes import crosswalk, persons
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client
from tests.index import make_child
from tests.unit.api.live import problem

CHILD = {
    "first_name": "Quirina", "last_name": "Quickley", "birth_date": "2011-03-04",
    "flags": [{"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-02"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def eid(call):
    sent = call.put("/v1/sources/D01/records/quick", json=make_child("quick", **CHILD))
    return sent.json()["enterprise_id"]


@pytest.fixture(params=["crosswalk", "person"])
def path(request, eid):
    return {
        "crosswalk": "/v1/crosswalk?source=D01&local_id=quick",
        "person": f"/v1/persons/{eid}",
    }[request.param]


def the_long_way(monkeypatch):
    for route in (crosswalk._CrosswalkRoute, persons._PersonRoute):
        monkeypatch.setattr(route, "parse_query", lambda *_: None)


def told(answer):
    kept = {"content-type", "etag", "cache-control", "x-content-type-options"}
    return answer.status_code, answer.content, {n: v for n, v in answer.headers.items() if n in kept}


def test_the_short_way_answers_byte_for_byte_what_the_long_way_does(call, path, monkeypatch):
    assert issubclass(crosswalk._CrosswalkRoute, LookUpRoute)
    short = call.get(path)
    the_long_way(monkeypatch)
    assert told(short) == told(call.get(path))
    assert short.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/crosswalk?source=D01&local_id=nobody",
        "/v1/crosswalk?source=none&local_id=quick",
        "/v1/crosswalk?source=D01&local_id=",
        "/v1/crosswalk?source=&local_id=quick",
        "/v1/crosswalk?source=D01&local_id=a%00b",
        "/v1/crosswalk?source=D01&local_id=%ff",
        "/v1/crosswalk?source=D01&local_id=a%2Bb%20c+d",
        "/v1/crosswalk?source=D01;local_id=quick",
        "/v1/persons/none",
        "/v1/persons/%ff",
    ],
)
def test_what_the_long_way_refuses_the_short_way_refuses_alike(call, path, monkeypatch):
    short = call.get(path)
    the_long_way(monkeypatch)
    other = call.get(path)
    leave = {"instance"}
    assert short.status_code == other.status_code >= 400
    assert {n: v for n, v in short.json().items() if n not in leave} == {
        n: v for n, v in other.json().items() if n not in leave
    }


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}, {"X-API-Key": "wrong"}],
)
def test_nobody_known_is_told_nothing_either_way(call, path, headers, monkeypatch):
    bare = {"Authorization": ""} | headers
    short = call.get(path, headers=bare)
    the_long_way(monkeypatch)
    other = call.get(path, headers=bare)
    assert short.status_code == other.status_code == 401
    assert short.json()["detail"] == other.json()["detail"]


def test_a_purpose_that_there_is_not_is_refused(call, path):
    problem(call.get(path, headers={"Purpose-Of-Use": "curiosity"}), 400, "invalid-input")


def test_a_key_that_is_revoked_opens_nothing_from_then_on(call, index, path):
    name = f"short-lived-{'persons' in path}"
    key = add_client(index, make_operator(), name, ["person.read", "crosswalk.read"], None)
    mine = {"Authorization": f"Bearer {key}"}
    assert call.get(path, headers=mine).status_code == 200
    revoke_client(index, make_operator(), name)
    problem(call.get(path, headers=mine), 401, "not-authenticated")


def test_calls_of_one_moment_each_have_their_line_when_they_are_answered(call, index, path):
    def lines():
        with index.database.read(make_operator()) as unit:
            return len(unit.disclosures.all())

    before = lines()

    def one(_):
        assert call.get(path).status_code == 200
        return lines()

    with ThreadPoolExecutor(8) as pool:
        after = sorted(pool.map(one, range(40)))
    assert after[-1] == lines() == before + 40
    assert all(seen >= before + n for n, seen in enumerate(after, 1))


def test_the_thread_that_writes_lines_comes_back_after_a_rest(call, path, monkeypatch):
    monkeypatch.setattr("mpi.service.core.disclosure_ledger._IDLE_S", 0.01)
    for _ in range(3):
        assert call.get(path).status_code == 200
        time.sleep(0.1)
