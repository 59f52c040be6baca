"""Long work over HTTP: calls and pages answer with a job at once, while another process works."""

import re
import time

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from mpi.service.jobs.job_state import JobKind, begin_job, get_job
from mpi.service.loads.load_log import list_loads
from tests.index import OPERATOR, load_rows, make_child, make_tuning, many_children, open_test_index
from tests.models import tiny_model
from tests.unit.api.live import add_key, calling, problem
from tests.unit.api.pages.approvals.test_jobs import send

_RECORDS = 1_500
_MAX_PROCESSOR_S = 1.0
_TIMEOUT_S = 300


@pytest.fixture
def record_count():
    """Records of the index, besides two children of two records each."""
    return 0


@pytest.fixture
def index(tmp_path, record_count, monkeypatch):
    """An index whose long work goes on in a child process."""
    monkeypatch.setattr("mpi.api.routes.proposals.keep_model", lambda *_: None)
    tuning = make_tuning(request={"process_records": 1})
    with open_test_index(tmp_path / "home", "D01", "CCWIS", tuning=tuning) as index:
        tiny_model(index.home / "models" / "tiny" / "2", version="2", link=17.0)
        for source in ("D01", "CCWIS"):
            pairs = [
                make_child(name, first_name=name, last_name=f"{name}son", postal_code=None)
                for name in ("Amara", "Zoe")
            ]
            load_rows(index, source, *pairs, *many_children(record_count // 2))
        yield index


@pytest.fixture
def client(index):
    with calling(create_app(index), add_key(index, "planner")) as client:
        yield client


def start(client, path, **body):
    """Begin long work; return its job as the answer tells it."""
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "running"
    return job


def finish(client, index, job):
    """Return a job once it has ended."""
    wait_for_result(index, job["id"])
    return client.get(f"/v1/jobs/{job['id']}").json()


def wait_for_result(index, number):
    """Return a job once it is done or has failed; one that starts slowly looks interrupted meanwhile."""
    end = time.monotonic() + _TIMEOUT_S
    while (job := get_job(index, OPERATOR, number)).state not in ("done", "failed"):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


@pytest.mark.slow
def test_proposal_is_made_applied_and_rolled_back_as_jobs(client, index):
    made = finish(client, index, start(client, "/v1/recluster-runs", model="tiny/2"))
    assert (made["kind"], made["state"], made["error"]) == ("propose", "done", None)
    path = f"/v1/recluster-runs/{made['result']}"
    proposal = client.get(path).json()
    assert (proposal["model"], proposal["split"]) == ("tiny/2", 2)
    problem(client.post(f"{path}:apply", json={"items": [7]}), 400, "invalid-input")
    applied = finish(client, index, start(client, f"{path}:apply", items=[1]))
    assert (applied["kind"], applied["target"], applied["state"]) == ("apply", proposal["id"], "done")
    assert [item["status"] for item in client.get(path).json()["items"]] == ["applied", "held"]
    problem(client.post(f"{path}:apply"), 409, "conflict")
    assert finish(client, index, start(client, f"{path}:rollback"))["state"] == "done"
    assert client.get(path).json()["status"] == "rolled_back"
    refused = finish(client, index, start(client, f"{path}:rollback"))
    assert (refused["state"], refused["result"]) == ("failed", None)
    assert "nothing to roll back" in refused["error"]


@pytest.mark.slow
def test_a_caller_who_prefers_to_wait_gets_the_result(client):
    answer = client.post("/v1/recluster-runs", json={"model": "tiny/2"}, headers={"Prefer": "wait=60"})
    assert (answer.status_code, answer.json()["split"]) == (200, 2)
    assert client.get("/v1/jobs").json() == []


@pytest.mark.slow
def test_load_is_undone_as_a_job_and_previewed_at_once(client, index):
    number = list_loads(index, OPERATOR, "CCWIS")[0].number
    path = f"/v1/loads/{number}:undo"
    assert client.post(path, json={"preview": True}).json()["removed"] == 2
    undone = finish(client, index, start(client, path, reason="bad-file"))
    assert (undone["kind"], undone["state"], undone["result"]) == ("undo-load", "done", number)
    problem(client.post(path, json={"reason": "bad-file"}), 409, "conflict")
    problem(client.post("/v1/loads/99:undo", json={"reason": "bad-file"}), 404, "not-found")


def test_same_work_is_refused_while_it_runs(client, index):
    job = begin_job(index, OPERATOR, JobKind.PROPOSE)
    refused = problem(client.post("/v1/recluster-runs"), 409, "conflict")
    assert f"job {job.id} is under way" in refused["detail"]


def test_jobs_are_read_by_who_may_do_their_work(client, index):
    proposing = begin_job(index, OPERATOR, JobKind.PROPOSE).id
    number = list_loads(index, OPERATOR, "CCWIS")[0].number
    undoing = begin_job(index, OPERATOR, JobKind.UNDO_LOAD, number).id
    assert [job["id"] for job in client.get("/v1/jobs").json()] == [undoing, proposing]
    problem(client.get("/v1/jobs/99"), 404, "not-found")
    for name, actions, sources, visible in (
        ("loader", {Action.LOAD}, {"CCWIS"}, [undoing]),
        ("district", frozenset(Action), {"D01"}, []),
    ):
        with calling(create_app(index), add_key(index, name, frozenset(actions), sources)) as other:
            assert [job["id"] for job in other.get("/v1/jobs").json()] == visible
            for job in {proposing, undoing} - set(visible):
                problem(other.get(f"/v1/jobs/{job}"), 404, "not-found")
    with calling(create_app(index), add_key(index, "reader", frozenset({Action.PERSON_READ}))) as reader:
        problem(reader.get("/v1/jobs"), 403, "access-denied")


@pytest.mark.slow
@pytest.mark.parametrize("record_count", [_RECORDS])
def test_no_call_and_no_page_computes_long_work_itself(client, index):
    """Each answers in under a second of this process's time; the work is that of another process."""
    load = list_loads(index, OPERATOR, "CCWIS")[0].number
    run = "/v1/recluster-runs/1"
    spent = {}
    for path in ("/v1/recluster-runs", f"{run}:apply", f"{run}:rollback", f"/v1/loads/{load}:undo"):
        spent[path], job = measure(lambda path=path: start(client, path))
        assert finish(client, index, job)["state"] == "done"
    load = list_loads(index, OPERATOR, "D01")[0].number
    with calling(create_app(index, open_pages=True), None) as pages:
        for role, path, fields in (
            ("approver", "/runs", {}),
            ("approver", "/runs/2", {"do": "apply-all"}),
            ("approver", "/runs/2", {"do": "rollback"}),
            ("operator", f"/loads/{load}/undo", {"reason": "bad-file", "confirm": "1"}),
        ):
            pages.cookies.set("mpi-acting-as", role)
            seconds, answer = measure(lambda path=path, fields=fields: send(pages, path, **fields))
            spent[f"{path} {fields}"] = seconds
            job = int(re.fullmatch(r"/jobs/(\d+)", answer.headers["location"])[1])
            assert get_job(index, OPERATOR, job).is_running
            assert wait_for_result(index, job).state == "done"
    assert max(spent.values()) < _MAX_PROCESSOR_S, spent


def measure(call):
    """Return the processor seconds of this process during a call, and its result."""
    before = time.process_time()
    result = call()
    return time.process_time() - before, result
