"""Long computations that give way: to whoever waits for an answer on the same machine."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

NICENESS = 10
"""Of a computation, and of the threads that it begins: a tenth of the share of those who answer people."""

Result = TypeVar("Result")


def run_at_low_priority(
    compute: Callable[[], Result],
    meanwhile: Callable[[], None] = lambda: None,
    every_s: float | None = None,
) -> Result:
    """Compute in a thread that gives way to others, and wait for it.

    Args:
        compute: the computation; what it raises is raised here.
        meanwhile: called while it goes on.
        every_s: how often, in seconds; None for never.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            _lower_priority()
            done.append(compute())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=work, name="giving way", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(every_s)
        if thread.is_alive():
            meanwhile()
    if failed:
        raise failed[0]
    return done[0]


def _lower_priority() -> None:
    """Of this thread and those that it begins; Linux counts niceness by thread."""
    if sys.platform == "linux":
        me = threading.get_native_id()
        # Where the process gives way already, less niceness would be a privilege.
        os.setpriority(os.PRIO_PROCESS, me, max(NICENESS, os.getpriority(os.PRIO_PROCESS, me)))
