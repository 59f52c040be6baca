"""Test that long computations run at low priority."""

import os
import sys
import threading

import pytest

from mpi.domain.errors import ConflictError
from mpi.service.processes.low_priority_thread import NICENESS, run_at_low_priority


def current_niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is not by thread")
def test_result_comes_from_a_thread_of_low_priority():
    before = current_niceness()
    assert run_at_low_priority(current_niceness) == max(NICENESS, before)
    assert current_niceness() == before


def test_error_in_the_computation_is_raised():
    def refuse():
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        run_at_low_priority(refuse)


def test_callback_runs_during_the_computation():
    done, calls = threading.Event(), []

    def beat():
        calls.append(1)
        if len(calls) == 3:
            done.set()

    assert run_at_low_priority(lambda: done.wait(30), beat, 0.001)
    assert len(calls) >= 3
