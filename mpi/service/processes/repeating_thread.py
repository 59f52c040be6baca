"""Thread of a server that repeats a piece of work."""

import threading
from collections.abc import Callable
from datetime import timedelta


class RepeatingThread:
    """Thread that does its work at its start and after each interval.

    Args:
        name: name of the thread.
        work: the work; it handles its own errors, since one that it raises ends the thread.
        interval: time between the end of the work and its next beginning.
    """

    def __init__(self, name: str, work: Callable[[], object], interval: timedelta) -> None:
        self._work = work
        self._interval_s = interval.total_seconds()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait until work that runs has ended."""
        self._is_stopped.set()
        self._thread.join()

    def _repeat(self) -> None:
        while True:
            self._work()
            if self._is_stopped.wait(self._interval_s):
                return
