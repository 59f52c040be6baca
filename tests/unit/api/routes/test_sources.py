"""Sources over HTTP: list, add and show."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import make_child
from tests.unit.api.live import add_key, calling, problem

NEW = {"code": "D07-SIS", "agency": "D07", "kind": "sis", "one_id_per_child": True}


@pytest.fixture
def admin(fresh_index):
    with calling(create_app(fresh_index), add_key(fresh_index, "admin")) as client:
        yield client


def test_a_source_is_added_shown_and_takes_records(admin):
    added = admin.post("/v1/sources", json=NEW)
    assert added.status_code == 200, added.text
    assert added.json() == {
        "code": "D07-SIS", "name": "D07-SIS", "agency": "D07", "kind": "sis", "holdings": "all",
        "one_id_per_child": True, "asks_consent": False, "paused": False, "scope": None,
        "retired": False,
    }  # fmt: skip
    assert admin.get("/v1/sources/D07-SIS").json() == added.json()
    assert added.json() in admin.get("/v1/sources").json()
    assert admin.put("/v1/sources/D07-SIS/records/1", json=make_child("1")).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"code": "no space"}, 400),
        ({"code": ""}, 400),
        ({"kind": "no-such"}, 400),
        ({"holdings": "some"}, 400),
        ({"one_id_per_child": "yes"}, 400),
        ({"code": "D01"}, 409),
        ({"holdings": "linked"}, 409),
    ],
)
def test_a_wrong_source_is_refused_and_not_added(admin, change, status):
    assert admin.post("/v1/sources", json=NEW | change).status_code == status
    assert [source["code"] for source in admin.get("/v1/sources").json()] == ["CCWIS", "D01"]


def test_a_source_is_renamed_and_keeps_its_code(admin):
    renamed = admin.post("/v1/sources/D01:rename", json={"display_name": " Lake  County "})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["code"]) == (
        200,
        "Lake County",
        "D01",
    )
    assert admin.get("/v1/sources/D01").json() == renamed.json()
    for wrong in ({}, {"display_name": ""}, {"display_name": 5}, {"display_name": "a", "code": "D02"}):
        assert admin.post("/v1/sources/D01:rename", json=wrong).status_code == 400, wrong
    problem(admin.post("/v1/sources/NOPE:rename", json={"display_name": "a"}), 404, "not-found")


def test_a_source_is_retired_after_a_preview_and_returns(admin):
    assert admin.put("/v1/sources/D01/records/1", json=make_child("1")).status_code == 200
    preview = admin.post("/v1/sources/D01:retire", json={"preview": True}).json()
    assert (preview["retired"], preview["preview"], preview["unfinished_loads"]) == (False, True, [])
    assert "withdrawals" in preview["still_taken"]
    assert admin.post("/v1/sources/D01:retire", json={}).json() == preview | {
        "retired": True,
        "preview": False,
    }
    assert admin.get("/v1/sources/D01").json()["retired"]
    problem(admin.put("/v1/sources/D01/records/2", json=make_child("2")), 409, "conflict")
    assert admin.get("/v1/sources/D01/records/1").status_code == 200
    back = admin.post("/v1/sources/D01:retire", json={"retired": False, "preview": True}).json()
    assert back == preview | {"retired": True, "refused": [], "still_taken": []}
    assert admin.get("/v1/sources/D01").json()["retired"]
    returned = admin.post("/v1/sources/D01:retire", json={"retired": False}).json()
    assert returned == back | {"retired": False, "preview": False}
    assert admin.put("/v1/sources/D01/records/2", json=make_child("2")).status_code == 200


def test_an_administrator_of_one_source_sees_no_other(admin, fresh_index):
    key = add_key(fresh_index, "one-source", frozenset({Action.SOURCE_ADMIN}), {"D01"})
    headers = {"Authorization": f"Bearer {key}"}
    assert [source["code"] for source in admin.get("/v1/sources", headers=headers).json()] == ["D01"]
    hidden = admin.get("/v1/sources/CCWIS", headers=headers)
    missing = admin.get("/v1/sources/NOPE", headers=headers)
    assert (hidden.status_code, hidden.json()["detail"]) == (missing.status_code, missing.json()["detail"])


def test_who_does_not_administer_sources_is_refused(admin, fresh_index):
    without = frozenset(Action) - {Action.SOURCE_ADMIN}
    headers = {"Authorization": f"Bearer {add_key(fresh_index, 'no-admin', without)}"}
    writes = [("POST", f"/v1/sources{path}") for path in ("", "/D01:rename", "/D01:retire")]
    for method, path in (("GET", "/v1/sources"), ("GET", "/v1/sources/D01"), *writes):
        problem(admin.request(method, path, headers=headers), 403, "access-denied")
