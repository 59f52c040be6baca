"""Test jobs: long work is watched, not begun twice, and survives the end of its process."""

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError, StoreError
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.core.index import Index
from mpi.service.jobs.job_recorder import JobRecorder, end_job
from mpi.service.jobs.job_runner import CARRIED_ON, run_job
from mpi.service.jobs.job_state import (
    MAX_LISTED,
    JobKind,
    begin_job,
    estimate_seconds_left,
    get_job,
    get_options,
    list_jobs,
)
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.proposal_application import apply_proposal
from mpi.service.recluster.proposals import get_proposal, propose
from mpi.storage.repositories.steps.jobs import JobState, StoredJob
from tests.agreements import make_dsa
from tests.desk import similar_child
from tests.index import OPERATOR, SECOND_PERSON, load_rows, many_children, reopen_database

SIS = Viewer("sis", None, frozenset(Action), frozenset({"sis"}))
LOADER = Viewer("loader", None, frozenset({Action.LOAD}), frozenset({"sis"}))
CCWIS_LOADER = Viewer("ccwis-loader", None, frozenset({Action.LOAD}), frozenset({"ccwis"}))
READER = Viewer("reader", None, frozenset({Action.TASK_READ}), None)


@pytest.fixture
def loaded_index(index):
    """An index with a load of each source."""
    load_rows(index, "sis", *many_children(8))
    load_rows(index, "ccwis", *(similar_child(child) for child in many_children(8)))
    return index


def begin_as_dead_process(index, kind, target=None, **detail) -> StoredJob:
    """Begin a job and let its process be one that has ended."""
    job = begin_job(index, OPERATOR, kind, target, **detail)
    host, _, token = job.worker.rsplit(":", 2)
    with index.database.write(OPERATOR, "job") as unit:
        assert unit.jobs.take_over(job.id, job.worker, f"{host}:{find_free_pid()}:{token}", job.beat)
    return job


def find_free_pid() -> int:
    """Return the number of a process that has ended."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_proposal_is_made_applied_and_rolled_back_by_jobs(loaded_index):
    made = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    number = run_job(loaded_index, OPERATOR, loaded_index.matcher, made.id)
    view = get_job(loaded_index, OPERATOR, made.id)
    assert (view.state, view.result, view.error) == ("done", number, None)
    assert view.done == view.total > 0
    for kind, status in ((JobKind.APPLY, "applied"), (JobKind.ROLL_BACK, "rolled_back")):
        job = begin_job(loaded_index, OPERATOR, kind, number)
        assert run_job(loaded_index, OPERATOR, loaded_index.matcher, job.id) == number
        assert get_proposal(loaded_index, OPERATOR, number).status == status
    assert [(job.kind, job.state) for job in list_jobs(loaded_index, OPERATOR)] == [
        ("rollback", "done"),
        ("apply", "done"),
        ("propose", "done"),
    ]
    assert verify(loaded_index, OPERATOR) == []


def test_load_is_undone_by_a_job_that_only_its_sources_may_watch(loaded_index):
    job = begin_job(loaded_index, LOADER, JobKind.UNDO_LOAD, 1, reason="bad-load")
    run_job(loaded_index, LOADER, loaded_index.matcher, job.id)
    assert get_job(loaded_index, LOADER, job.id).state == "done"
    assert [each.id for each in list_jobs(loaded_index, OPERATOR)] == [job.id]
    assert list_jobs(loaded_index, CCWIS_LOADER) == []
    for number in (job.id, 99):
        with pytest.raises(NotFoundError, match=f"there is no job {number}"):
            get_job(loaded_index, CCWIS_LOADER, number)
    with pytest.raises(NotFoundError, match="no load 1"):
        begin_job(loaded_index, CCWIS_LOADER, JobKind.UNDO_LOAD, 1)
    with pytest.raises(AccessDenied):
        list_jobs(loaded_index, READER)
    with pytest.raises(AccessDenied):
        begin_job(loaded_index, SIS, JobKind.PROPOSE)


def test_load_of_a_source_that_the_agreement_leaves_out_is_not_known(loaded_index):
    propose_version(loaded_index, OPERATOR, make_dsa())
    approve_version(loaded_index, SECOND_PERSON, "dsa-1")
    key = add_client(
        loaded_index, OPERATOR, "x", ["load", "record.read"], ["sis", "ccwis"], "dsa-1", "district"
    )
    viewer = authenticate(loaded_index, key, "school_stability")
    assert viewer.may_see("ccwis")
    job = begin_job(loaded_index, OPERATOR, JobKind.UNDO_LOAD, 2)
    with pytest.raises(NotFoundError, match="no load 2"):
        undo_load(loaded_index, viewer, 2)
    with pytest.raises(NotFoundError, match="no load 2"):
        begin_job(loaded_index, viewer, JobKind.UNDO_LOAD, 2)
    with pytest.raises(NotFoundError, match=f"no job {job.id}"):
        get_job(loaded_index, viewer, job.id)
    assert list_jobs(loaded_index, viewer) == []
    own = begin_job(loaded_index, viewer, JobKind.UNDO_LOAD, 1)
    assert [each.id for each in list_jobs(loaded_index, viewer)] == [own.id]


def test_jobs_of_others_neither_fill_the_list_nor_tell_how_long_they_took(loaded_index):
    first = begin_job(loaded_index, LOADER, JobKind.UNDO_LOAD, 1)
    for _ in range(MAX_LISTED):
        other = begin_job(loaded_index, OPERATOR, JobKind.UNDO_LOAD, 2)
        end_job(loaded_index, OPERATOR, other.id, JobState.DONE)
    [listed] = list_jobs(loaded_index, LOADER)
    assert (listed.id, listed.previous_s) == (first.id, None)
    assert get_job(loaded_index, LOADER, first.id).previous_s is None
    assert get_job(loaded_index, OPERATOR, first.id).previous_s is not None


@dataclass
class BusyStore:
    """Store of an index whose next writes fail."""

    index: Index
    failures: int = 0

    @property
    def database(self):
        return self

    @contextmanager
    def write(self, *args):
        if self.failures:
            self.failures -= 1
            raise StoreError("busy")
        with self.index.database.write(*args) as unit:
            yield unit


def test_end_of_a_job_is_stored_once_a_busy_store_is_free(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    store = BusyStore(loaded_index)
    with JobRecorder(replace(loaded_index, store=store), OPERATOR, job) as recorder:
        recorder.result = 7
        store.failures = 2
    view = get_job(loaded_index, OPERATOR, job.id)
    assert (view.state, view.result) == ("done", 7)


def test_running_work_is_not_begun_twice_and_another_process_watches_it(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    with reopen_database(loaded_index) as other, JobRecorder(loaded_index, OPERATOR, job) as recorder:
        recorder.report("reading features", 3, 12)
        recorder._store()
        view = get_job(other, OPERATOR, job.id)
        assert (view.state, view.stage, view.done, view.total) == ("running", "reading features", 3, 12)
        for kind, target in ((JobKind.PROPOSE, None), (JobKind.APPLY, 1), (JobKind.ROLL_BACK, 1)):
            with pytest.raises(ConflictError, match=f"job {job.id} is under way"):
                begin_job(other, OPERATOR, kind, target)
        begin_job(other, OPERATOR, JobKind.UNDO_LOAD, 1)
        with pytest.raises(ConflictError, match="under way"):
            begin_job(other, OPERATOR, JobKind.UNDO_LOAD, 1)
        begin_job(other, OPERATOR, JobKind.UNDO_LOAD, 2)


def test_job_whose_process_is_gone_is_interrupted_and_carried_on(loaded_index):
    job = begin_as_dead_process(loaded_index, JobKind.PROPOSE)
    assert get_job(loaded_index, OPERATOR, job.id).state == "interrupted"
    assert get_options(loaded_index, OPERATOR, job.id) == (JobKind.PROPOSE, None, {})
    again = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    run_job(loaded_index, OPERATOR, loaded_index.matcher, again.id)
    assert [each.state for each in list_jobs(loaded_index, OPERATOR)] == ["done", "interrupted"]
    with pytest.raises(ConflictError, match="nothing to carry on"):
        get_options(loaded_index, OPERATOR, again.id)


def test_work_that_a_service_has_finished_meanwhile_is_noted_as_done(loaded_index):
    number = propose(loaded_index, OPERATOR, loaded_index.matcher).id
    begin_as_dead_process(loaded_index, JobKind.APPLY, number)
    apply_proposal(loaded_index, OPERATOR, loaded_index.matcher, number)
    carried_on = begin_job(loaded_index, OPERATOR, JobKind.APPLY, number, **{CARRIED_ON: True})
    assert run_job(loaded_index, OPERATOR, loaded_index.matcher, carried_on.id) == number
    again = begin_job(loaded_index, OPERATOR, JobKind.APPLY, number)
    with pytest.raises(ConflictError, match="make another one"):
        run_job(loaded_index, OPERATOR, loaded_index.matcher, again.id)


def test_job_is_done_by_one_process(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    run_job(loaded_index, OPERATOR, loaded_index.matcher, job.id)
    with pytest.raises(ConflictError, match="another process"):
        run_job(loaded_index, OPERATOR, loaded_index.matcher, job.id)
    assert get_job(loaded_index, OPERATOR, job.id).state == "done"


def test_refused_work_is_stored_as_failed_with_its_reason(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.APPLY, 7)
    with pytest.raises(NotFoundError):
        run_job(loaded_index, OPERATOR, loaded_index.matcher, job.id)
    view = get_job(loaded_index, OPERATOR, job.id)
    assert (view.state, view.error) == ("failed", "there is no proposal 7")


def test_unexpected_error_is_stored_without_its_text(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    with pytest.raises(ValueError), JobRecorder(loaded_index, OPERATOR, job):
        raise ValueError("Amara Okonkwo")
    view = get_job(loaded_index, OPERATOR, job.id)
    assert view.state == "failed"
    assert "Amara" not in str(view)


def test_progress_leaves_no_commit(loaded_index):
    job = begin_job(loaded_index, OPERATOR, JobKind.PROPOSE)
    with loaded_index.database.read(OPERATOR) as unit:
        before = unit.last_commit()
    with JobRecorder(loaded_index, OPERATOR, job) as recorder:
        recorder._store()
    with loaded_index.database.read(OPERATOR) as unit:
        assert unit.last_commit() == before


def test_time_left_follows_the_rate_of_the_step():
    job = StoredJob(
        id=1, kind="propose", target=None, state="running", client="x", begun_at="2026-03-02T09:00:00Z",
        worker="w", beat="2026-03-02T09:00:20Z", stage="scoring pairs", stage_at="2026-03-02T09:00:10Z",
        done=25, total=100,
    )  # fmt: skip
    assert estimate_seconds_left(job) == 30
    assert estimate_seconds_left(replace(job, done=100)) == 0
    for too_early in (
        replace(job, done=0),
        replace(job, total=0),
        replace(job, stage_at=""),
        replace(job, beat="2026-03-02T09:00:11Z"),
        replace(job, state="done"),
    ):
        assert estimate_seconds_left(too_early) is None
