"""Long work on the pages: it is begun, watched, carried on, and its outcome told truthfully."""

import re
import time
from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.composition.models import open_matcher
from mpi.service.gates.holds import list_holds, refuse_hold, release_hold
from mpi.service.jobs.job_recorder import end_job
from mpi.service.jobs.job_state import JobKind, begin_job, get_job, list_jobs
from mpi.service.loads.load_log import list_loads
from mpi.service.recluster.proposal_application import apply_proposal
from mpi.service.recluster.proposals import propose
from mpi.service.records.upsert import upsert
from mpi.storage.repositories.steps.jobs import JobState
from tests.index import OPERATOR, load_rows, make_child, make_tuning, open_test_index
from tests.models import tiny_model
from tests.unit.api.live import calling
from tests.unit.api.pages.desk.test_sign_in import SAME
from tests.unit.service.jobs.test_jobs import begin_as_dead_process


@pytest.fixture
def process_records():
    """Fewest records of an index whose long work starts a child process."""
    return 5_000


@pytest.fixture
def index(tmp_path, process_records):
    tuning = make_tuning(request={"process_records": process_records})
    with open_test_index(tmp_path / "home", "D01", "CCWIS", tuning=tuning) as index:
        for number, name in enumerate(("Amara", "Zoe")):
            for source in ("D01", "CCWIS"):
                child = make_child(str(number), first_name=name, last_name=f"{name}son", postal_code=None)
                upsert(index, OPERATOR, source, child)
        tiny_model(index.home / "models" / "tiny" / "2", version="2", link=17.0)
        yield index


@pytest.fixture
def approver(index):
    with calling(create_app(index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "approver")
        yield client


@pytest.fixture
def operator(index):
    with calling(create_app(index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "operator")
        yield client


def send(client, path, page="/find", **fields):
    token = re.search(r'name="csrf" value="(\w+)"', client.get(page).text)[1]
    return client.post(path, data={"csrf": token, **fields}, headers=SAME)


def wait_for_end(index, number: int):
    """Return a job once it has ended."""
    end = time.monotonic() + 300
    while (job := get_job(index, OPERATOR, number)).is_running:
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def open_stricter(index):
    """Return a stricter model, which splits both children."""
    return open_matcher(str(index.home / "models" / "tiny" / "2"))


def propose_stricter(index):
    """Return a proposal of the stricter model."""
    return propose(index, OPERATOR, open_stricter(index))


def test_small_index_is_done_at_once_and_the_job_is_kept(index, approver):
    answer = send(approver, "/runs")
    assert answer.headers["location"] == "/runs/1?done=proposed"
    [job] = list_jobs(index, OPERATOR)
    assert (job.kind, job.state, job.by) == ("propose", "done", "demo-approver")
    page = approver.get(f"/jobs/{job.id}").text
    assert 'href="/runs/1"' in page
    assert "Make a proposal" in approver.get("/jobs").text


def test_run_says_what_was_applied_and_what_waits_for_whom(index, approver):
    number = propose_stricter(index).id
    assert send(approver, f"/runs/{number}", do="apply", item="1").status_code == 303
    page = approver.get(f"/runs/{number}").text
    assert "applied in part" in page
    assert "1 change was applied." in page
    assert "1 change was not approved." in page
    assert "applied in part" in approver.get("/runs").text
    [hold] = list_holds(index, OPERATOR)
    release_hold(replace(index, matcher=open_stricter(index)), OPERATOR, hold.id)
    page = approver.get(f"/runs/{number}").text
    assert "2 changes were applied." in page
    assert "applied later" in page


def test_run_of_which_everything_is_held_is_not_called_applied(index, approver):
    number = propose_stricter(index).id
    apply_proposal(index, OPERATOR, open_stricter(index), number, ())
    page = approver.get(f"/runs/{number}").text
    assert "nothing applied yet" in page
    assert "2 changes were not approved." in page
    for hold in list_holds(index, OPERATOR):
        refuse_hold(replace(index, matcher=open_stricter(index)), OPERATOR, hold.id)
    assert "2 changes were refused." in approver.get(f"/runs/{number}").text


def test_interrupted_work_says_what_to_do_and_is_carried_on(index, approver):
    job = begin_as_dead_process(index, JobKind.PROPOSE)
    assert "interrupted" in approver.get("/runs").text
    page = approver.get(f"/jobs/{job.id}").text
    assert "Nothing has changed. Carry on makes the proposal again." in page
    assert send(approver, f"/jobs/{job.id}").headers["location"] == "/runs/1?done=proposed"
    assert [each.state for each in list_jobs(index, OPERATOR)] == ["done", "interrupted"]


def test_running_work_is_watched_and_not_begun_twice(index, approver):
    job = begin_job(index, OPERATOR, JobKind.PROPOSE)
    page = approver.get(f"/jobs/{job.id}").text
    assert "<progress" in page
    assert 'data-work="1"' in page
    answer = send(approver, "/runs")
    assert answer.status_code == 409
    assert "under way" in answer.text


def test_people_without_the_right_see_no_work(index, approver):
    job = begin_job(index, OPERATOR, JobKind.PROPOSE)
    approver.cookies.set("mpi-acting-as", "steward")
    assert approver.get("/jobs").status_code == 403
    assert approver.get(f"/jobs/{job.id}").status_code == 403
    approver.cookies.set("mpi-acting-as", "operator")
    assert approver.get(f"/jobs/{job.id}").status_code == 404
    assert "Make a proposal" not in approver.get("/jobs").text


def undo(client, number: int, **fields):
    """Send the form that undoes a load."""
    page = f"/loads/{number}/undo"
    return send(client, page, page="/health", **{"reason": "bad-file", "confirm": "1", **fields})


def test_undo_of_a_load_on_a_small_index_is_a_job_that_is_done_at_once(index, operator):
    load_rows(index, "D01", make_child("loaded", first_name="Loaded"))
    assert undo(operator, 1).headers["location"] == "/loads/1?done=load_undone"
    [job] = list_jobs(index, OPERATOR)
    assert (job.kind, job.target, job.state, job.by) == ("undo-load", 1, "done", "demo-operator")
    page = operator.get(f"/jobs/{job.id}").text
    assert 'href="/loads/1"' in page
    assert 'href="/runs/1"' not in page
    assert undo(operator, 1).status_code == 409
    assert undo(operator, 99).status_code == 404
    assert len(list_jobs(index, OPERATOR)) == 1


def test_undo_of_a_load_with_faults_begins_no_job(index, operator):
    load_rows(index, "D01", make_child("loaded", first_name="Loaded"))
    for reason in ("", "x" * 5_000):
        assert undo(operator, 1, reason=reason).status_code == 400
    assert send(operator, "/loads/1/undo", page="/health", reason="bad-file").status_code == 400
    assert list_jobs(index, OPERATOR) == []


def test_undo_of_a_load_is_not_begun_twice_and_is_carried_on(index, operator):
    load_rows(index, "D01", make_child("loaded", first_name="Loaded"))
    job = begin_job(index, OPERATOR, JobKind.UNDO_LOAD, 1, reason="bad-file")
    answer = undo(operator, 1)
    assert (answer.status_code, f"job {job.id} is under way" in answer.text) == (409, True)
    end_job(index, OPERATOR, job.id, JobState.FAILED, error="x")
    carried_on = send(operator, f"/jobs/{job.id}", page=f"/jobs/{job.id}")
    assert carried_on.headers["location"] == "/loads/1?done=load_undone"


@pytest.mark.slow
@pytest.mark.parametrize("process_records", [1])
def test_undo_of_a_load_on_a_large_index_answers_at_once_with_its_progress(index, operator):
    load_rows(index, "D01", make_child("loaded", first_name="Loaded"))
    path = undo(operator, 1).headers["location"]
    assert path.startswith("/jobs/")
    assert "Undo load 1" in operator.get(path).text
    ended = wait_for_end(index, int(path.removeprefix("/jobs/")))
    assert (ended.state, ended.result, ended.error) == ("done", 1, None)
    assert 'href="/loads/1"' in operator.get(path).text
    assert list_loads(index, OPERATOR)[0].status == "undone"


@pytest.mark.slow
@pytest.mark.parametrize("process_records", [1])
def test_large_index_answers_at_once_and_works_in_another_process(index, approver):
    number = propose_stricter(index).id
    path = send(approver, f"/runs/{number}", do="apply-all").headers["location"]
    assert path.startswith("/jobs/")
    job = int(path.removeprefix("/jobs/"))
    ended = wait_for_end(index, job)
    assert (ended.state, ended.result, ended.error) == ("done", number, None)
    assert f'href="/runs/{number}"' in approver.get(path).text
    assert "2 changes were applied." in approver.get(f"/runs/{number}").text
    back = send(approver, f"/runs/{number}", do="rollback").headers["location"]
    assert wait_for_end(index, int(back.removeprefix("/jobs/"))).state == "done"
    assert "rolled back" in approver.get(f"/runs/{number}").text
