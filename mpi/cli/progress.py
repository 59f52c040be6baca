"""Progress bars of long commands, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from mpi.intake.reader import FileRows
    from mpi.intake.rows import CanonicalRow, RejectedRow


PATIENCE_SECONDS = 2.0
"""Seconds before a progress bar appears."""
_ROWS_PER_REPORT = 500

ProgressReport = Callable[[str, int, int], None]
"""Callback with the name of a step, the amount done and the total."""


@contextmanager
def show_progress(patience_s: float = PATIENCE_SECONDS) -> Iterator[ProgressReport]:
    """Yield a callback that shows a command's progress bars on a terminal.

    Without a terminal the callback does nothing.

    Args:
        patience_s: seconds before the bars appear.
    """
    if not sys.stderr.isatty():
        yield _ignore_progress
        return
    bars = _ProgressBars(patience_s)
    try:
        yield bars.report
    finally:
        bars.progress.stop()


def report_rows_read(rows: FileRows, report: ProgressReport) -> Iterator[CanonicalRow | RejectedRow]:
    """Yield the rows of a file and report how much was read."""
    for number, row in enumerate(rows):
        if number % _ROWS_PER_REPORT == 0:
            report("reading", rows.bytes_read, rows.size_bytes)
        yield row


def _ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Accept a progress report and show nothing."""


class _ProgressBars:
    """Progress bars of a command on a terminal, one for each step."""

    def __init__(self, patience_s: float) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal shows bars
        from rich.progress import (  # noqa: PLC0415 - as above
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._patience_s = patience_s
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._steps: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._started = False

    def report(self, step: str, done: int, total: int) -> None:
        """Update the progress bar of one step of a command."""
        if step not in self._steps:
            self._steps[step] = self.progress.add_task(step)
        self.progress.update(self._steps[step], completed=done, total=total or None)
        if not self._started and time.monotonic() - self._began > self._patience_s:
            self._started = True
            self.progress.start()
