"""A job whose process is killed: it is seen at once, and carried on to the same end."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from mpi.domain.errors import MpiError
from mpi.service.jobs.job_runner import CARRIED_ON, run_job
from mpi.service.jobs.job_state import JobKind, begin_job, get_job
from mpi.service.maintenance.verify import verify
from mpi.service.processes.child_process import run_with_index_in_child_process
from mpi.service.recluster.proposals import get_proposal, propose
from tests.desk import similar_child
from tests.index import OPERATOR, load_rows, many_children


def start_in_child(index, number: int) -> threading.Thread:
    """Start a job in a child process, as a request does."""

    def work() -> None:
        with suppress(MpiError):
            run_with_index_in_child_process(index, run_job, OPERATOR, index.matcher, number)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def kill_worker(index, number: int) -> None:
    """Kill the process of a job as soon as it has begun."""
    end = time.monotonic() + 60
    while True:
        with index.database.read(OPERATOR) as unit:
            process = int(unit.jobs.get(number).worker.rsplit(":", 2)[1])
        if process != os.getpid():
            os.kill(process, signal.SIGKILL)
            return
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_work_is_seen_as_interrupted_and_carried_on(index):
    load_rows(index, "sis", *many_children(200))
    load_rows(index, "ccwis", *(similar_child(child) for child in many_children(200)))
    number = propose(index, OPERATOR, index.matcher).id
    job = begin_job(index, OPERATOR, JobKind.APPLY, number)
    thread = start_in_child(index, job.id)
    kill_worker(index, job.id)
    thread.join()
    assert get_job(index, OPERATOR, job.id).state == "interrupted"
    again = begin_job(index, OPERATOR, JobKind.APPLY, number, **{CARRIED_ON: True})
    run_job(index, OPERATOR, index.matcher, again.id)
    assert get_job(index, OPERATOR, again.id).state == "done"
    assert get_proposal(index, OPERATOR, number).status == "applied"
    assert verify(index, OPERATOR) == []
