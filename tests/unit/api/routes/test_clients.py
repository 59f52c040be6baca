"""Clients of the API over HTTP: list, add, rotate, expire and end."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.unit.api.live import add_key, calling, problem

NEW = {"name": "sis-nightly", "scopes": ["load", "record.write"], "sources": ["D01"]}


@pytest.fixture
def admin(fresh_index):
    with calling(create_app(fresh_index), add_key(fresh_index, "admin")) as client:
        yield client


def use(client, key: str, path: str = "/v1/loads"):
    return client.get(path, headers={"Authorization": f"Bearer {key}"})


def test_a_client_is_added_listed_and_used_and_its_key_is_shown_once(admin):
    answer = admin.post("/v1/clients", json=NEW)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    added, key = answer.json()["client"], answer.json()["api_key"]
    assert (added["name"], added["scopes"], added["sources"]) == (NEW["name"], NEW["scopes"], ["D01"])
    assert use(admin, key).status_code == 200
    listed = admin.get("/v1/clients")
    assert added in listed.json()
    shown = admin.get("/v1/clients/sis-nightly")
    assert [change["act"] for change in shown.json()["changes"]] == ["add"]
    assert key not in listed.text + shown.text


def test_a_key_is_rotated_with_an_overlap_and_only_by_who_read_the_present_one(admin):
    first = admin.post("/v1/clients", json=NEW).json()["api_key"]
    version = admin.get("/v1/clients/sis-nightly").json()["version"]
    answer = admin.post("/v1/clients/sis-nightly:rotate", json={"overlap_days": 1, "version": version})
    second = answer.json()["api_key"]
    assert answer.json()["client"]["former_key_until"] is not None
    assert [use(admin, key).status_code for key in (first, second)] == [200, 200]
    problem(admin.post("/v1/clients/sis-nightly:rotate", json={"version": version}), 412, "stale")
    third = admin.post("/v1/clients/sis-nightly:rotate", json={}).json()["api_key"]
    assert [use(admin, key).status_code for key in (second, third)] == [401, 200]


def test_a_client_expires_and_ends(admin):
    key = admin.post("/v1/clients", json=NEW).json()["api_key"]
    expiring = admin.post("/v1/clients/sis-nightly:expire", json={"expires_on": "2030-01-01"})
    assert expiring.json()["expires_on"] == "2030-01-01"
    assert admin.post("/v1/clients/sis-nightly:expire", json={}).json()["expires_on"] is None
    problem(
        admin.post("/v1/clients/sis-nightly:expire", json={"expires_on": "2001-01-01"}), 400, "invalid-input"
    )
    assert admin.post("/v1/clients/sis-nightly:end").json()["revoked"] is not None
    assert use(admin, key).status_code == 401
    problem(admin.post("/v1/clients/sis-nightly:end"), 404, "not-found")
    problem(admin.post("/v1/clients", json=NEW), 409, "conflict")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "no space"}, 400, "invalid-input"),
        ({"scopes": ["no.such"]}, 400, "invalid-input"),
        ({"scopes": "load"}, 400, "invalid-input"),
        ({"sources": ["NOPE"]}, 404, "not-found"),
        ({"agreement": "no-such"}, 404, "not-found"),
        ({"secret": "x"}, 400, "invalid-input"),
    ],
)
def test_a_wrong_client_is_refused_and_not_added(admin, change, status, code):
    before = admin.get("/v1/clients").json()
    problem(admin.post("/v1/clients", json=NEW | change), status, code)
    assert admin.get("/v1/clients").json() == before


def test_nobody_grants_more_than_they_have(admin, fresh_index):
    rights = frozenset({Action.CLIENT_ADMIN, Action.LOAD})
    for name, sources in (("few-rights", None), ("one-source", {"CCWIS"})):
        headers = {"Authorization": f"Bearer {add_key(fresh_index, name, rights, sources)}"}
        wide = {"name": f"by-{name}", "scopes": ["load", "record.read"], "sources": ["CCWIS"]}
        problem(admin.post("/v1/clients", json=wide, headers=headers), 403, "access-denied")
        everywhere = {"name": f"all-{name}", "scopes": ["load"]}
        answer = admin.post("/v1/clients", json=everywhere, headers=headers)
        assert answer.status_code == (200 if sources is None else 403)
        problem(admin.post("/v1/clients/admin:rotate", json={}, headers=headers), 403, "access-denied")


def test_who_does_not_administer_clients_is_refused(admin, fresh_index):
    without = frozenset(Action) - {Action.CLIENT_ADMIN}
    headers = {"Authorization": f"Bearer {add_key(fresh_index, 'no-admin', without)}"}
    for method, path in (
        ("GET", "/v1/clients"), ("POST", "/v1/clients"), ("GET", "/v1/clients/admin"),
        ("POST", "/v1/clients/admin:rotate"), ("POST", "/v1/clients/admin:end"),
    ):  # fmt: skip
        problem(admin.request(method, path, headers=headers), 403, "access-denied")
