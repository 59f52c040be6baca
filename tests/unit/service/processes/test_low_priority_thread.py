"""Long computations give way to who waits for an answer."""

import os
import sys
import threading

import pytest

from mpi.domain.errors import ConflictError
from mpi.service.processes.low_priority_thread import NICENESS, run_at_low_priority


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is not by thread")
def test_what_is_computed_comes_back_from_a_thread_of_low_priority():
    before = niceness()
    assert run_at_low_priority(niceness) == max(NICENESS, before)
    assert niceness() == before


def test_what_it_raises_is_raised():
    def refuse():
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        run_at_low_priority(refuse)


def test_something_else_is_done_meanwhile():
    enough, times = threading.Event(), []

    def beat():
        times.append(1)
        if len(times) == 3:
            enough.set()

    assert run_at_low_priority(lambda: enough.wait(30), beat, 0.001)
    assert len(times) >= 3
