"""Run of the whole demo, from simulation to serving."""

import gc
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar

from mpi.api.server.serve import serve
from mpi.cli.demo import display
from mpi.cli.demo.cache import DemoResult, load_result, save_result
from mpi.cli.demo.comparison import MethodResult, compare_methods, find_children_in_care, read_labeled_index
from mpi.cli.demo.demo_index import (
    DemoBuild,
    build_demo,
    create_settings,
    open_demo_index,
    read_build,
    read_truth,
)
from mpi.cli.demo.readers import ask_as_three
from mpi.cli.demo.story import ChildStory, choose_story
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.review.queue import Filters, load_queue_page


def run_demo(*, serving: bool, records: int, folder: Path) -> None:
    """Simulate, load and match records, show the results, and serve the index.

    A demo of an earlier start in the same folder is used again.

    Args:
        serving: serve the API and pages until interrupted.
        records: number of source records to simulate.
        folder: folder of the demo's files.
    """
    gc.enable()  # the imports are done: see PausedCollection
    console = Console(highlight=False)
    display.show_banner(console)
    build = read_build(folder, records)
    if build is None:
        build = _build_with_progress(folder, records)
    with open_demo_index(folder) as index:
        result = load_result(folder)
        if result is None:
            result = _measure(index, folder, build)
            save_result(folder, result)
        settings = create_settings(folder)
        url = f"http://{settings.host}:{settings.port}"
        _show_result(console, build, result)
        display.show_commands(console, folder, result.story, url)
        if not serving:
            return
        display.show_pages(console, url, result.story, _find_top_question(index))
        serve(index, settings.host, settings.port, open_pages=True)


def _find_top_question(index: Index) -> str | None:
    """Return the key of the most urgent review question; None without one."""
    top_questions = load_queue_page(index, make_operator(), Filters(), limit=1).questions
    return top_questions[0].key if top_questions else None


def _build_with_progress(folder: Path, records: int) -> DemoBuild:
    """Build the demo's index with a progress bar."""
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating a small state", total=None)

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        return build_demo(folder, records, progress)


def _measure(index: Index, folder: Path, build: DemoBuild) -> DemoResult:
    """Compare the matching methods and choose the demo's example child."""
    with Console(stderr=True).status("comparing with exact match and plain Splink"):
        data = read_labeled_index(index, read_truth(folder))
        results: list[MethodResult] = compare_methods(data, build.index_seconds)
        story: ChildStory | None = choose_story(index, data)
        readers = [] if story is None else ask_as_three(index, story)
    return DemoResult(story, results, len(find_children_in_care(data)), readers)


def _show_result(console: Console, build: DemoBuild, result: DemoResult) -> None:
    """Print the example child's story, the method comparison and the loads."""
    if result.story is not None:
        display.show_story(console, result.story)
        display.show_readers(console, result.readers)
    display.show_comparison(console, result.ways, result.children)
    display.show_loads(console, build)
