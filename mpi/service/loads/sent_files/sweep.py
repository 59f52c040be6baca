"""Worker that removes forgotten files that were sent."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from mpi.domain.errors import MpiError
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.loads.sent_files.upload import remove_stale_folders

_log = logging.getLogger("mpi.loads")
INTERVAL = timedelta(minutes=10)
"""Time between two looks."""


class UploadSweeper:
    """Thread that removes files which nobody has loaded for an hour.

    Args:
        get_index: returns the open index that is served.
        interval: time between two looks.
    """

    def __init__(self, get_index: Callable[[], Index], interval: timedelta = INTERVAL) -> None:
        self._get_index = get_index
        self._interval_s = interval.total_seconds()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="uploads", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait until a look that runs has ended."""
        self._is_stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                remove_stale_folders(self._get_index(), make_operator())
            except (MpiError, OSError) as error:
                _log.warning("forgotten files could not be removed: %s", type(error).__name__)
            if self._is_stopped.wait(self._interval_s):
                return
