import threading
from datetime import timedelta

from mpi.service.processes.repeating_thread import RepeatingThread

TIMEOUT_S = 60


def test_work_is_done_at_the_start_again_after_the_interval_and_no_more_after_the_stop():
    times, is_third = [], threading.Event()

    def work():
        times.append(1)
        if len(times) == 3:
            is_third.set()

    thread = RepeatingThread("work", work, timedelta(milliseconds=1))
    thread.start()
    assert is_third.wait(TIMEOUT_S)
    thread.stop()
    done = len(times)
    threading.Event().wait(0.02)
    assert len(times) == done >= 3


def test_a_stop_ends_a_long_interval():
    thread = RepeatingThread("work", lambda: None, timedelta(days=1))
    thread.start()
    thread.stop()
    assert "work" not in {each.name for each in threading.enumerate()}
