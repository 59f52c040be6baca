"""Test core reservation: one core stays free while requests are answered."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.tuning import PacingTuning
from mpi.service.processes.core_reservation import CoreAffinity, CoreReservation, reserve_core
from mpi.service.records.record_reader import read
from tests.index import OPERATOR, load_rows, make_child, open_test_index

ALL_CORES = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()
ALL_CORES_BUT_ONE = ALL_CORES - {max(ALL_CORES, default=0)}

pytestmark = pytest.mark.skipif(len(ALL_CORES) < 2, reason="there is no core to reserve")


class FakeDisclosureLog:
    """A disclosure log that grows while requests are answered."""

    def __init__(self):
        self.last = 0
        self.asks = False
        self.fails = False

    def __call__(self):
        if self.fails:
            raise StoreError("locked")
        self.last += self.asks
        return self.last


SHORT_INTERVALS = PacingTuning(core_poll_s=0.005, core_reserved_s=0.1)


def wait_for_cores(affinities: list[frozenset[int]], cores: frozenset[int]) -> bool:
    deadline = time.monotonic() + 5
    while affinities[-1] != cores and time.monotonic() < deadline:
        time.sleep(0.005)
    return affinities[-1] == cores


def test_core_is_reserved_during_requests_and_released_after_a_while():
    log, affinities = FakeDisclosureLog(), []
    with CoreReservation(log, affinities.append, SHORT_INTERVALS):
        assert affinities[0] == ALL_CORES_BUT_ONE
        assert wait_for_cores(affinities, ALL_CORES)
        log.asks = True
        assert wait_for_cores(affinities, ALL_CORES_BUT_ONE)
        log.asks = False
        assert wait_for_cores(affinities, ALL_CORES)


def test_core_is_reserved_for_a_writer_without_disclosure_lines():
    affinities = []
    with CoreReservation(FakeDisclosureLog(), affinities.append, SHORT_INTERVALS) as reservation:
        assert wait_for_cores(affinities, ALL_CORES)
        reservation.note_request()
        assert wait_for_cores(affinities, ALL_CORES_BUT_ONE)
        assert wait_for_cores(affinities, ALL_CORES)


def test_unreadable_disclosure_log_does_not_stop_the_reservation():
    log, affinities = FakeDisclosureLog(), []
    log.fails = True
    with CoreReservation(log, affinities.append, SHORT_INTERVALS):
        assert wait_for_cores(affinities, ALL_CORES)
        log.fails, log.asks = False, True
        assert wait_for_cores(affinities, ALL_CORES_BUT_ONE)


def test_all_cores_are_used_again_at_the_end_after_any_error():
    log, affinities = FakeDisclosureLog(), []
    log.asks = True
    with pytest.raises(ZeroDivisionError), CoreReservation(log, affinities.append, SHORT_INTERVALS):
        raise ZeroDivisionError
    assert affinities[-1] == ALL_CORES


def test_single_core_is_not_reserved(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    affinities = []
    with CoreReservation(FakeDisclosureLog(), affinities.append, SHORT_INTERVALS):
        pass
    assert affinities == []


def test_affinity_applies_to_every_thread_and_child_process():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeping) as child:
        affinity = CoreAffinity()
        try:
            affinity(ALL_CORES_BUT_ONE)
            for process in (0, thread.native_id, child.pid):
                assert os.sched_getaffinity(process) == ALL_CORES_BUT_ONE
            affinity(ALL_CORES)
            for process in (0, thread.native_id, child.pid):
                assert os.sched_getaffinity(process) == ALL_CORES
        finally:
            affinity(ALL_CORES)
            child.kill()
            stop.set()
            thread.join()


@pytest.fixture
def foreign_process():
    """The ID of a process that this one did not start, like a database server's."""
    started = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"], check=True, capture_output=True, text=True
    )
    process = int(started.stdout)
    yield process
    os.kill(process, signal.SIGKILL)


def test_affinity_applies_to_the_database_server_within_its_own_cores(foreign_process):
    os.sched_setaffinity(foreign_process, ALL_CORES)
    process_lists = []
    affinity = CoreAffinity(lambda processes: process_lists.append(processes) or [foreign_process])
    try:
        affinity(ALL_CORES_BUT_ONE)
        assert os.sched_getaffinity(foreign_process) == ALL_CORES_BUT_ONE
        affinity(ALL_CORES)
        assert os.sched_getaffinity(foreign_process) == ALL_CORES
    finally:
        affinity(ALL_CORES)
    assert os.getpid() in process_lists[0]
    other_core = ALL_CORES - ALL_CORES_BUT_ONE
    os.sched_setaffinity(foreign_process, other_core)
    try:
        CoreAffinity(lambda _: [foreign_process])(ALL_CORES_BUT_ONE)
        assert os.sched_getaffinity(foreign_process) == other_core
    finally:
        CoreAffinity()(ALL_CORES)


def test_unreachable_server_or_ended_process_does_not_stop_the_affinity():
    def fail(_):
        raise StoreError("no connection")

    affinity = CoreAffinity(fail)
    affinity(ALL_CORES_BUT_ONE)
    affinity(ALL_CORES)
    ended_process = subprocess.Popen(["true"])
    ended_process.wait()
    affinity = CoreAffinity(lambda _: [ended_process.pid])
    affinity(ALL_CORES_BUT_ONE)
    assert os.sched_getaffinity(0) == ALL_CORES_BUT_ONE
    affinity(ALL_CORES)


def test_read_of_the_index_is_noticed(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", make_child("1"))
        reservation = reserve_core(index.database, OPERATOR, SHORT_INTERVALS)
        before = reservation._last_line_number()
        read(index, OPERATOR, "sis", "1")
        assert reservation._last_line_number() == before + 1
