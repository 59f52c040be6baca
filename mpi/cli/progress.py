"""Progress bars, on standard error, for what takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from mpi.intake.reader import FileRows
    from mpi.intake.rows import CanonicalRow, RejectedRow


PATIENCE_SECONDS = 2.0
"""What is done sooner shows no bar."""
_ROWS_PER_REPORT = 500

ProgressReport = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""


@contextmanager
def show_progress() -> Iterator[ProgressReport]:
    """What to tell of progress; shows bars once it has taken two seconds, if anybody watches."""
    if not sys.stderr.isatty():
        yield _ignore_progress
        return
    bars = _ProgressBars(Console(file=sys.stderr))
    try:
        yield bars.report
    finally:
        bars.progress.stop()


def report_rows_read(rows: FileRows, report: ProgressReport) -> Iterator[CanonicalRow | RejectedRow]:
    """The rows of a file, telling how much of it has been read."""
    for number, row in enumerate(rows):
        if number % _ROWS_PER_REPORT == 0:
            report("reading", rows.bytes_read, rows.size_bytes)
        yield row


def _ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class _ProgressBars:
    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._steps: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._started = False

    def report(self, step: str, done: int, total: int) -> None:
        if step not in self._steps:
            self._steps[step] = self.progress.add_task(step)
        self.progress.update(self._steps[step], completed=done, total=total or None)
        if not self._started and time.monotonic() - self._began > PATIENCE_SECONDS:
            self._started = True
            self.progress.start()
