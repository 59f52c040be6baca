"""Daily warnings in the log of agreements that end, and other deadlines."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from mpi.domain.errors import MpiError
from mpi.domain.viewer import make_operator
from mpi.service.agreements.views import AgreementView, list_due_notices
from mpi.service.core.index import Index

INTERVAL = timedelta(days=1)
_log = logging.getLogger("mpi.agreements")


def describe_notice(view: AgreementView) -> str:
    """Describe in a sentence how soon an agreement ends."""
    if view.end is None:
        return ""
    days = view.end.days_left
    when = "today is its last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
    return f"agreement {view.code} ends after {view.end.last_day.isoformat()}: {when}"


def log_due_notices(index: Index) -> None:
    """Log a warning for each agreement whose end is near."""
    try:
        for view in list_due_notices(index, make_operator()):
            _log.warning("%s; propose a renewal with mpi agreement add", describe_notice(view))
    except MpiError as error:
        _log.warning("the agreements could not be read: %s", error)


class NoticeWorker:
    """Thread that logs due warnings once a day.

    Args:
        get_index: returns the open index that is served.
        interval: time between two looks.
        further_logs: functions that log warnings of other things than agreements.
    """

    def __init__(
        self,
        get_index: Callable[[], Index],
        interval: timedelta = INTERVAL,
        further_logs: Sequence[Callable[[Index], None]] = (),
    ) -> None:
        self._get_index = get_index
        self._logs = (log_due_notices, *further_logs)
        self._interval_s = interval.total_seconds()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="notices", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait until a look that runs has ended."""
        self._is_stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            index = self._get_index()
            for log in self._logs:
                log(index)
            if self._is_stopped.wait(self._interval_s):
                return
