"""Processes that answer ask Linux to run as soon as they are woken."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpi.api.server import scheduler_slice

_ASK = """
import os
from mpi.api import waking
os.nice(3)
print(waking.wake_soon(), waking.slice_ns(), os.nice(0))
"""


def _asked_in_a_process(before: str = "") -> list[str]:
    command = [sys.executable, "-c", before + _ASK]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return told.stdout.split()


def _needs_short_slices() -> None:
    if _asked_in_a_process()[0] != "True":
        pytest.skip("needs Linux 6.12 and glibc 2.41")


def test_a_process_that_asks_has_short_slices_and_is_as_nice_as_before() -> None:
    _needs_short_slices()
    assert _asked_in_a_process() == ["True", str(scheduler_slice.SLICE_NS), "3"]


def test_what_it_begins_later_has_them_too() -> None:
    _needs_short_slices()
    # In a thread of its own, as the tests' own slices stay what they are.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(scheduler_slice.request_short_slice).result()
        told = pool.submit(
            subprocess.run, [sys.executable, "-c", "from mpi.api import waking; print(waking.slice_ns())"],
            check=True, capture_output=True, text=True,
        ).result()  # fmt: skip
    assert told.stdout.split() == [str(scheduler_slice.SLICE_NS)]
    assert scheduler_slice.slice_ns() != scheduler_slice.SLICE_NS


@pytest.mark.skipif(sys.platform != "linux", reason="the class is Linux's")
def test_a_process_that_an_operator_has_put_into_another_class_is_left_there() -> None:
    put = "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"
    assert _asked_in_a_process(put)[0] == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="it is a system call of Linux")
def test_a_system_without_the_call_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_slice.ctypes, "CDLL", lambda _name: object())
    assert not scheduler_slice.request_short_slice()
    assert scheduler_slice.slice_ns() is None
