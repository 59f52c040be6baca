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
    for method, path in (("GET", "/v1/sources"), ("POST", "/v1/sources"), ("GET", "/v1/sources/D01")):
        problem(admin.request(method, path, headers=headers), 403, "access-denied")
