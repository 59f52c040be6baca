"""Re-clusters as proposals over HTTP and on the command line."""

import json
from unittest.mock import patch

import pytest

from mpi.api.app import create_app
from mpi.api.request import recluster_process
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from tests.index import make_child, make_tuning, open_test_index, with_tuning
from tests.models import tiny_model
from tests.unit.api.live import add_key, calling, problem


@pytest.fixture
def process_records():
    """Fewest records of an index whose re-cluster starts a child process."""
    return 5_000


@pytest.fixture
def index(tmp_path, process_records):
    tuning = make_tuning(request={"process_records": process_records})
    with open_test_index(tmp_path / "home", "D01", "CCWIS", tuning=tuning) as index:
        tiny_model(index.home / "models" / "tiny" / "2", version="2", link=17.0)
        yield index


@pytest.fixture
def planner(index, monkeypatch):
    """Client of all sources, with two children whose link a stricter model does not make."""
    monkeypatch.setattr("mpi.api.routes.proposals.keep_model", lambda *_: None)
    with calling(create_app(index), add_key(index, "planner")) as client:
        for number, name in enumerate(("Amara", "Zoe")):
            for source in ("D01", "CCWIS"):
                child = make_child(None, first_name=name, last_name=f"{name}son", postal_code=None)
                client.put(f"/v1/sources/{source}/records/{number}", json=child)
        yield client


def count_persons(client) -> int:
    links = [
        client.get("/v1/crosswalk", params={"source": source, "local_id": str(number)}).json()
        for source in ("D01", "CCWIS")
        for number in range(2)
    ]
    return len({link["enterprise_id"] for link in links})


def test_a_proposal_is_made_read_applied_in_part_released_and_rolled_back(planner):
    proposal = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()
    assert (proposal["status"], proposal["split"], count_persons(planner)) == ("open", 2, 2)
    number = proposal["id"]
    assert planner.get(f"/v1/recluster-runs/{number}").json() == proposal
    assert [listed["id"] for listed in planner.get("/v1/recluster-runs").json()] == [number]
    result = planner.post(f"/v1/recluster-runs/{number}:apply", json={"items": [1]}).json()
    assert (result["applied"], result["held"], result["model"], count_persons(planner)) == (1, 1, "tiny/2", 3)
    [hold] = planner.get("/v1/holds").json()
    assert planner.post(f"/v1/holds/{hold['id']}:release").json()["moved"] == 1
    assert count_persons(planner) == 4
    problem(planner.post(f"/v1/holds/{hold['id']}:refuse"), 404, "not-found")
    problem(planner.post(f"/v1/recluster-runs/{number}:apply"), 409, "conflict")
    assert planner.post(f"/v1/recluster-runs/{number}:rollback").json()["status"] == "rolled_back"
    assert count_persons(planner) == 2
    assert planner.put("/v1/sources/D01/records/9", json=make_child(None)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("process_records", [1])
def test_a_large_index_computes_proposals_in_another_process_with_the_same_answers(planner):
    planner.headers["Prefer"] = "wait"
    with patch.object(
        recluster_process,
        "run_with_index_in_child_process",
        side_effect=recluster_process.run_with_index_in_child_process,
    ) as child_process:
        proposal = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()
        assert planner.get(f"/v1/recluster-runs/{proposal['id']}").json() == proposal
        assert planner.post("/v1/recluster-runs:simulate", json={"link": 17}).json()["split"] == 2
        path = f"/v1/recluster-runs/{proposal['id']}"
        problem(planner.post(f"{path}:apply", json={"items": [7]}), 400, "invalid-input")
        assert planner.post(f"{path}:apply").json()["model"] == "tiny/2"
        assert count_persons(planner) == 4
        problem(planner.post(f"{path}:apply"), 409, "conflict")
        assert planner.post(f"{path}:rollback").json()["model"] == "tiny/1"
    assert count_persons(planner) == 2
    assert child_process.call_count == 6
    assert planner.put("/v1/sources/D01/records/9", json=make_child(None)).status_code == 200


def test_no_process_starts_for_a_caller_without_permission(planner, index):
    index = with_tuning(index, request={"process_records": 0})
    district = Viewer("district", None, frozenset(Action), frozenset({"D01"}))
    with (
        patch.object(recluster_process, "run_with_index_in_child_process") as child_process,
        pytest.raises(AccessDenied),
    ):
        recluster_process.propose(index, district, index.matcher)
    child_process.assert_not_called()


def test_a_proposal_is_rejected_and_a_hold_refused(planner):
    first = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    assert planner.post(f"/v1/recluster-runs/{first}:reject").json()["status"] == "rejected"
    second = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    planner.post(f"/v1/recluster-runs/{second}:apply", json={"items": []})
    holds = planner.get("/v1/holds").json()
    assert len(holds) == 2
    assert planner.post(f"/v1/holds/{holds[0]['id']}:refuse").json() == {
        "hold": holds[0]["id"],
        "status": "refused",
        "moved": 0,
    }
    assert planner.get("/v1/decisions").json()[0]["reason"] == "hold-refused"
    assert count_persons(planner) == 2


@pytest.mark.parametrize("model", ["../../etc/passwd", "/models/x", "tiny", "a/..", "a/b/c", "", 7])
def test_a_model_name_cannot_be_a_path_of_the_machine(planner, model):
    answer = planner.post("/v1/recluster-runs", json={"model": model})
    assert answer.status_code == 400
    assert "passwd" not in answer.text


def test_a_client_of_certain_sources_may_not_read_a_proposal(planner, index):
    number = planner.post("/v1/recluster-runs", json={"model": "tiny/2"}).json()["id"]
    with calling(create_app(index), add_key(index, "district", frozenset(Action), {"D01"})) as district:
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
            body = problem(district.request(method, path), 403, "access-denied")
            assert "CCWIS" not in json.dumps(body)


def test_thresholds_are_simulated_over_http(planner):
    simulation = planner.post("/v1/recluster-runs:simulate", json={"link": 17})
    assert (simulation.json()["split"], count_persons(planner)) == (2, 2)
    for body in ({"link": "high"}, {"review": 99}, {"other": 1}):
        problem(planner.post("/v1/recluster-runs:simulate", json=body), 400, "invalid-input")


@pytest.mark.parametrize("name", ["nosuch/1", "a/..b"])
def test_an_unknown_model_is_not_found(planner, name):
    problem(planner.post("/v1/recluster-runs", json={"model": name}), 404, "not-found")
