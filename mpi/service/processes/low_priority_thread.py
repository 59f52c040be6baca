"""Low-priority threads for long computations beside requests."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

NICENESS = 10
"""Niceness of a computation: a tenth of the CPU share of requests."""

Result = TypeVar("Result")


def run_at_low_priority(
    compute: Callable[[], Result],
    on_wait: Callable[[], None] = lambda: None,
    interval_s: float | None = None,
) -> Result:
    """Run a computation in a low-priority thread and return its result.

    Args:
        compute: the computation; its errors are raised here.
        on_wait: called at intervals while the computation runs.
        interval_s: seconds between these calls; None for never.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _lower_priority()
            results.append(compute())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, name="giving way", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(interval_s)
        if thread.is_alive():
            on_wait()
    if errors:
        raise errors[0]
    return results[0]


def _lower_priority() -> None:
    """Lower the priority of this thread; Linux counts niceness by thread."""
    if sys.platform == "linux":
        thread_id = threading.get_native_id()
        # Less niceness than the process already has would need a privilege.
        os.setpriority(os.PRIO_PROCESS, thread_id, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread_id)))
