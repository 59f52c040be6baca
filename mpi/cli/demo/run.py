"""Run the demo from start to serving."""

import gc
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar

from mpi.api.server.serve import serve
from mpi.cli.demo import display
from mpi.cli.demo.cache import Result, keep, kept
from mpi.cli.demo.comparison import Way, children_in_care, compare, know
from mpi.cli.demo.story import Story, tell
from mpi.cli.demo.world import Making, made, make, opened, settings_in, truth
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.review.queue import Filters, questions


def run(*, serving: bool, records: int, folder: Path) -> None:
    """Simulate, load, resolve, tell the story, and serve; what is there from an earlier start is used.

    Args:
        serving: serve the API and a page for the child until interrupted.
        records: size of the simulated state.
        folder: where it all goes.
    """
    gc.enable()  # the imports are done: see PausedCollection
    console = Console(highlight=False)
    display.show_banner(console)
    making = made(folder, records)
    if making is None:
        making = _make(folder, records)
    with opened(folder) as index:
        result = kept(folder)
        if result is None:
            result = _measure(index, folder, making)
            keep(folder, result)
        settings = settings_in(folder)
        url = f"http://{settings.host}:{settings.port}"
        _show(console, making, result)
        display.show_commands(console, folder, result.story, url)
        if not serving:
            return
        display.show_pages(console, url, result.story, _top_question(index))
        serve(index, settings.host, settings.port, open_pages=True)


def _top_question(index: Index) -> str | None:
    """The key of the question that does most harm undecided; None where nothing waits."""
    found = questions(index, make_operator(), Filters(), limit=1).questions
    return found[0].key if found else None


def _make(folder: Path, records: int) -> Making:
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating a small state", total=None)

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        return make(folder, records, progress)


def _measure(index: Index, folder: Path, making: Making) -> Result:
    with Console(stderr=True).status("comparing with exact match and plain Splink"):
        known = know(index, truth(folder))
        ways: list[Way] = compare(known, making.index_seconds)
        story: Story | None = tell(index, known)
    return Result(story, ways, len(children_in_care(known)))


def _show(console: Console, making: Making, result: Result) -> None:
    if result.story is not None:
        display.show_story(console, result.story)
    display.show_comparison(console, result.ways, result.children)
    display.show_loads(console, making)
