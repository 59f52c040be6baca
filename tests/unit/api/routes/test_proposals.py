"""Re-clusters as proposals over HTTP, and at the command line."""

import json
from unittest.mock import patch

import pytest

from mpi.api.app import create_app
from mpi.api.request import recluster_process
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from tests.index import make_child, open_test_index
from tests.models import tiny_model
from tests.unit.api.live import a_key, calling, problem


@pytest.fixture
def fresh(tmp_path):
    with open_test_index(tmp_path / "home", "D01", "CCWIS") as index:
        tiny_model(index.home / "models" / "tiny" / "2", version="2", link=17.0)
        yield index


@pytest.fixture
def planner(fresh, monkeypatch):
    """A client of all sources, and two children with a link that a stricter model does not make."""
    monkeypatch.setattr("mpi.api.routes.proposals.keep_model", lambda *_: None)
    with calling(create_app(fresh), a_key(fresh, "planner")) as client:
        for number, name in enumerate(("Amara", "Zoe")):
            for source in ("D01", "CCWIS"):
                child = make_child(None, first_name=name, last_name=f"{name}son", postal_code=None)
                client.put(f"/v1/sources/{source}/records/{number}", json=child)
        yield client


def persons(client) -> int:
    links = [
        client.get("/v1/crosswalk", params={"source": source, "local_id": str(number)}).json()
        for source in ("D01", "CCWIS")
        for number in range(2)
    ]
    return len({link["enterprise_id"] for link in links})


def test_a_proposal_is_made_read_applied_in_part_released_and_rolled_back(planner):
    made = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()
    assert (made["status"], made["split"], persons(planner)) == ("open", 2, 2)
    number = made["id"]
    assert planner.get(f"/v1/recluster-runs/{number}").json() == made
    assert [one["id"] for one in planner.get("/v1/recluster-runs").json()] == [number]
    done = planner.post(f"/v1/recluster-runs/{number}:apply", json={"items": [1]}).json()
    assert (done["applied"], done["held"], done["model"], persons(planner)) == (1, 1, "tiny/2", 3)
    [held] = planner.get("/v1/holds").json()
    assert planner.post(f"/v1/holds/{held['id']}:release").json()["moved"] == 1
    assert persons(planner) == 4
    problem(planner.post(f"/v1/holds/{held['id']}:refuse"), 404, "not-found")
    problem(planner.post(f"/v1/recluster-runs/{number}:apply"), 409, "conflict")
    assert planner.post(f"/v1/recluster-runs/{number}:rollback").json()["status"] == "rolled_back"
    assert persons(planner) == 2
    assert planner.put("/v1/sources/D01/records/9", json=make_child(None)).status_code == 200


def test_in_a_large_index_another_process_computes_and_all_is_answered_as_ever(planner, monkeypatch):
    monkeypatch.setattr(recluster_process, "MIN_PROCESS_RECORDS", 1)
    with patch.object(
        recluster_process,
        "run_with_index_in_child_process",
        side_effect=recluster_process.run_with_index_in_child_process,
    ) as apart:
        made = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()
        assert planner.get(f"/v1/recluster-runs/{made['id']}").json() == made
        assert planner.post("/v1/recluster-runs:simulate", json={"link": 17}).json()["split"] == 2
        path = f"/v1/recluster-runs/{made['id']}"
        problem(planner.post(f"{path}:apply", json={"items": [7]}), 400, "invalid-input")
        assert planner.post(f"{path}:apply").json()["model"] == "tiny/2"
        assert persons(planner) == 4
        problem(planner.post(f"{path}:apply"), 409, "conflict")
        assert planner.post(f"{path}:rollback").json()["model"] == "tiny/1"
    assert persons(planner) == 2
    assert apart.call_count == 6
    assert planner.put("/v1/sources/D01/records/9", json=make_child(None)).status_code == 200


def test_no_process_is_begun_for_who_may_not_ask(planner, fresh, monkeypatch):
    monkeypatch.setattr(recluster_process, "MIN_PROCESS_RECORDS", 0)
    district = Viewer("district", None, frozenset(Action), frozenset({"D01"}))
    with (
        patch.object(recluster_process, "run_with_index_in_child_process") as apart,
        pytest.raises(AccessDenied),
    ):
        recluster_process.propose(fresh, district, fresh.matcher)
    apart.assert_not_called()


def test_a_proposal_is_rejected_and_a_hold_refused(planner):
    first = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    assert planner.post(f"/v1/recluster-runs/{first}:reject").json()["status"] == "rejected"
    second = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    planner.post(f"/v1/recluster-runs/{second}:apply", json={"items": []})
    held = planner.get("/v1/holds").json()
    assert len(held) == 2
    assert planner.post(f"/v1/holds/{held[0]['id']}:refuse").json() == {
        "hold": held[0]["id"],
        "status": "refused",
        "moved": 0,
    }
    assert planner.get("/v1/decisions").json()[0]["reason"] == "hold-refused"
    assert persons(planner) == 2


@pytest.mark.parametrize("model", ["../../etc/passwd", "/models/x", "tiny", "a/..", "a/b/c", "", 7])
def test_no_other_path_of_the_machine_can_be_named_as_a_model(planner, model):
    answer = planner.post("/v1/recluster-runs", json={"model": model})
    assert answer.status_code == 400
    assert "passwd" not in answer.text


def test_a_client_of_certain_sources_may_not_even_read_a_proposal(planner, fresh):
    number = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    with calling(create_app(fresh), a_key(fresh, "district", frozenset(Action), {"D01"})) as district:
        for method, path in (
            ("POST", "/v1/recluster-runs"),
            ("GET", "/v1/recluster-runs"),
            ("GET", f"/v1/recluster-runs/{number}"),
            ("POST", f"/v1/recluster-runs/{number}:apply"),
            ("POST", f"/v1/recluster-runs/{number}:reject"),
            ("POST", f"/v1/recluster-runs/{number}:rollback"),
            ("GET", "/v1/holds"),
            ("POST", "/v1/holds/1:release"),
            ("POST", "/v1/holds/1:refuse"),
        ):
            told = problem(district.request(method, path), 403, "access-denied")
            assert "CCWIS" not in json.dumps(told)


def test_other_thresholds_are_tried_over_http(planner):
    tried = planner.post("/v1/recluster-runs:simulate", json={"link": 17})
    assert (tried.json()["split"], persons(planner)) == (2, 2)
    for wrong in ({"link": "high"}, {"review": 99}, {"other": 1}):
        problem(planner.post("/v1/recluster-runs:simulate", json=wrong), 400, "invalid-input")


@pytest.mark.parametrize("name", ["nosuch/1", "a/..b"])
def test_a_model_that_is_not_here_is_no_fault_of_the_server(planner, name):
    problem(planner.post("/v1/recluster-runs", json={"model": name}), 404, "not-found")
