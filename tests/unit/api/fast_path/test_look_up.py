"""The fast look-up answers a common request like the full route."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpi.api.app import create_app
from mpi.api.fast_path.look_up import LookUpRoute
from mpi.api.routes import crosswalk, persons
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.records.upsert import upsert
from tests.index import make_child, make_tuning, open_test_index
from tests.unit.api.live import add_key, calling, problem

CHILD = {
    "first_name": "Quirina", "last_name": "Quickley", "birth_date": "2011-03-04",
    "flags": [{"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-02"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def eid(call):
    answer = call.put("/v1/sources/D01/records/quick", json=make_child("quick", **CHILD))
    return answer.json()["enterprise_id"]


@pytest.fixture(params=["crosswalk", "person"])
def path(request, eid):
    return {
        "crosswalk": "/v1/crosswalk?source=D01&local_id=quick",
        "person": f"/v1/persons/{eid}",
    }[request.param]


def disable_fast_path(monkeypatch):
    for route in (crosswalk._CrosswalkRoute, persons._PersonRoute):
        monkeypatch.setattr(route, "parse_query", lambda *_: None)


def comparable_parts(answer):
    header_names = {"content-type", "etag", "cache-control", "x-content-type-options"}
    return answer.status_code, answer.content, {n: v for n, v in answer.headers.items() if n in header_names}


def test_the_fast_path_answers_byte_for_byte_like_the_full_route(call, path, monkeypatch):
    assert issubclass(crosswalk._CrosswalkRoute, LookUpRoute)
    fast_answer = call.get(path)
    disable_fast_path(monkeypatch)
    assert comparable_parts(fast_answer) == comparable_parts(call.get(path))
    assert fast_answer.status_code == 200


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
def test_the_fast_path_refuses_what_the_full_route_refuses(call, path, monkeypatch):
    fast_answer = call.get(path)
    disable_fast_path(monkeypatch)
    full_answer = call.get(path)
    ignored_members = {"instance"}
    assert fast_answer.status_code == full_answer.status_code >= 400
    assert {n: v for n, v in fast_answer.json().items() if n not in ignored_members} == {
        n: v for n, v in full_answer.json().items() if n not in ignored_members
    }


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}, {"X-API-Key": "wrong"}],
)
def test_an_unauthenticated_caller_gets_the_same_refusal_on_both_paths(call, path, headers, monkeypatch):
    without_key = {"Authorization": ""} | headers
    fast_answer = call.get(path, headers=without_key)
    disable_fast_path(monkeypatch)
    full_answer = call.get(path, headers=without_key)
    assert fast_answer.status_code == full_answer.status_code == 401
    assert fast_answer.json()["detail"] == full_answer.json()["detail"]


def test_an_unknown_purpose_is_refused(call, path):
    answer = call.get(path, headers={"Purpose-Of-Use": "curiosity"})
    assert problem(answer, 403, "access-denied")["reason"] == "unknown-purpose"


def test_a_revoked_key_is_refused_at_once(call, index, path):
    name = f"short-lived-{'persons' in path}"
    key = add_client(index, make_operator(), name, ["person.read", "crosswalk.read"], None)
    own_key = {"Authorization": f"Bearer {key}"}
    assert call.get(path, headers=own_key).status_code == 200
    revoke_client(index, make_operator(), name)
    problem(call.get(path, headers=own_key), 401, "not-authenticated")


def test_each_concurrent_answer_has_its_ledger_line(call, index, path):
    def count_lines():
        with index.database.read(make_operator()) as unit:
            return len(unit.disclosures.all())

    count_before = count_lines()

    def look_up_and_count(_):
        assert call.get(path).status_code == 200
        return count_lines()

    with ThreadPoolExecutor(8) as pool:
        counts = sorted(pool.map(look_up_and_count, range(40)))
    assert counts[-1] == count_lines() == count_before + 40
    assert all(count >= count_before + n for n, count in enumerate(counts, 1))


def test_the_ledger_thread_restarts_after_an_idle_time(tmp_path):
    tuning = make_tuning(request={"ledger_idle_s": 0.01})
    with open_test_index(tmp_path / "home", "D01", tuning=tuning) as index:
        upsert(index, make_operator(), "D01", make_child("quick", **CHILD))
        with calling(create_app(index), add_key(index, "reader")) as client:
            for _ in range(3):
                assert client.get("/v1/crosswalk?source=D01&local_id=quick").status_code == 200
                time.sleep(0.1)
