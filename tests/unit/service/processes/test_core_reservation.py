"""Leaving room: while somebody is answered a core is left to who answers, and else none stands idle."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mpi.domain.errors import StoreError
from mpi.service.processes import core_reservation as module
from mpi.service.processes.core_reservation import CoreAffinity, CoreReservation, reserve_core
from mpi.service.records.upsert import read
from tests.index import OPERATOR, a_child, an_index, load_rows

ALL = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()
ALL_BUT_ONE = ALL - {max(ALL, default=0)}

pytestmark = pytest.mark.skipif(len(ALL) < 2, reason="there is no core to leave")


class Lines:
    """A ledger that grows while somebody asks."""

    def __init__(self):
        self.last = 0
        self.asks = False
        self.fails = False

    def __call__(self):
        if self.fails:
            raise StoreError("locked")
        self.last += self.asks
        return self.last


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "POLL_INTERVAL_S", 0.005)
    monkeypatch.setattr(module, "RESERVED_AFTER_REQUEST_S", 0.1)


def comes_to(kept: list[frozenset[int]], cores: frozenset[int]) -> bool:
    until = time.monotonic() + 5
    while kept[-1] != cores and time.monotonic() < until:
        time.sleep(0.005)
    return kept[-1] == cores


def test_a_core_is_left_while_somebody_is_answered_and_taken_again_when_nobody_has_been_for_a_while():
    lines, kept = Lines(), []
    with CoreReservation(lines, kept.append):
        assert kept[0] == ALL_BUT_ONE
        assert comes_to(kept, ALL)
        lines.asks = True
        assert comes_to(kept, ALL_BUT_ONE)
        lines.asks = False
        assert comes_to(kept, ALL)


def test_who_writes_is_left_a_core_too_though_the_ledger_does_not_tell():
    kept = []
    with CoreReservation(Lines(), kept.append) as room:
        assert comes_to(kept, ALL)
        room.note_request()
        assert comes_to(kept, ALL_BUT_ONE)
        assert comes_to(kept, ALL)


def test_a_ledger_that_cannot_be_read_now_stops_nothing():
    lines, kept = Lines(), []
    lines.fails = True
    with CoreReservation(lines, kept.append):
        assert comes_to(kept, ALL)
        lines.fails, lines.asks = False, True
        assert comes_to(kept, ALL_BUT_ONE)


def test_all_cores_are_taken_again_at_the_end_whatever_happens():
    lines, kept = Lines(), []
    lines.asks = True
    with pytest.raises(ZeroDivisionError), CoreReservation(lines, kept.append):
        raise ZeroDivisionError
    assert kept[-1] == ALL


def test_where_there_is_one_core_none_is_left(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    kept = []
    with CoreReservation(Lines(), kept.append):
        pass
    assert kept == []


def test_every_thread_keeps_to_the_cores_and_so_does_every_process_that_it_began():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeping) as child:
        keep_to = CoreAffinity()
        try:
            keep_to(ALL_BUT_ONE)
            for one in (0, thread.native_id, child.pid):
                assert os.sched_getaffinity(one) == ALL_BUT_ONE
            keep_to(ALL)
            for one in (0, thread.native_id, child.pid):
                assert os.sched_getaffinity(one) == ALL
        finally:
            keep_to(ALL)
            child.kill()
            stop.set()
            thread.join()


@pytest.fixture
def another():
    """A process that this one did not begin, as that of a database server is."""
    begun = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null & echo $!"], check=True, capture_output=True, text=True
    )
    process = int(begun.stdout)
    yield process
    os.kill(process, signal.SIGKILL)


def test_who_serves_this_process_keeps_to_the_cores_as_far_as_it_may_run_there(another):
    os.sched_setaffinity(another, ALL)
    asked = []
    keep_to = CoreAffinity(lambda processes: asked.append(processes) or [another])
    try:
        keep_to(ALL_BUT_ONE)
        assert os.sched_getaffinity(another) == ALL_BUT_ONE
        keep_to(ALL)
        assert os.sched_getaffinity(another) == ALL
    finally:
        keep_to(ALL)
    assert os.getpid() in asked[0]
    kept_elsewhere = ALL - ALL_BUT_ONE
    os.sched_setaffinity(another, kept_elsewhere)
    try:
        CoreAffinity(lambda _: [another])(ALL_BUT_ONE)
        assert os.sched_getaffinity(another) == kept_elsewhere
    finally:
        CoreAffinity()(ALL)


def test_a_server_that_cannot_be_asked_or_told_stops_nothing():
    def fails(_):
        raise StoreError("no connection")

    keep_to = CoreAffinity(fails)
    keep_to(ALL_BUT_ONE)
    keep_to(ALL)
    gone = subprocess.Popen(["true"])
    gone.wait()
    keep_to = CoreAffinity(lambda _: [gone.pid])
    keep_to(ALL_BUT_ONE)
    assert os.sched_getaffinity(0) == ALL_BUT_ONE
    keep_to(ALL)


def test_whoever_is_answered_from_the_index_is_seen(tmp_path):
    with an_index(tmp_path, "sis") as index:
        load_rows(index, "sis", a_child("1"))
        room = reserve_core(index.database, OPERATOR)
        before = room._last_line_number()
        read(index, OPERATOR, "sis", "1")
        assert room._last_line_number() == before + 1
