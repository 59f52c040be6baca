"""Progress of a pilot on standard error, with the time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mpi.cli.output import print_note


class PilotProgress:
    """One progress bar over all steps of a pilot.

    Without a terminal, it is a line for each step.

    Args:
        steps: names of the steps with their share of the whole, in order.
    """

    def __init__(self, steps: dict[str, float]) -> None:
        self._steps = steps
        self._names = list(steps)
        self._total = sum(steps.values())
        self._begin = self._size = 0.0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(elapsed_when_finished=False),
                console=Console(file=sys.stderr),
                transient=True,
            )
            self._task = self._bar.add_task("", total=self._total)

    def begin(self, name: str) -> None:
        """Begin a step."""
        place = self._names.index(name)
        self._begin = sum(self._steps[each] for each in self._names[:place])
        self._size = self._steps[name]
        if self._bar is None:
            print_note(f"{place + 1} of {len(self._names)}: {name}")
            return
        self._bar.start()
        self._bar.update(self._task, description=name, completed=self._begin)

    def report_share(self, share: float) -> None:
        """Report the completed share of the present step, from 0 to 1."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self._begin + self._size * min(max(share, 0.0), 1.0))

    def stop(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def show_pilot_progress(steps: dict[str, float]) -> Iterator[PilotProgress]:
    """Yield a pilot's progress, and take it off the terminal afterwards."""
    progress = PilotProgress(steps)
    try:
        yield progress
    finally:
        progress.stop()
