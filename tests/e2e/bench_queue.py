"""Response time of a page of the queue with many open tasks: ``scripts/bench-queue`` (JSON).

It measures the use case and, as \"HTML\", the page as a signed-in steward waits for it over HTTP on this
machine.
Records and tasks are written straight into the tables, because settling 100,000 records is not measured:
questions of one to four candidates, one in fifty of them in a burst, a fifth of the sources' pairs within one
source, 2,000 snoozed questions and 500 claimed by somebody else.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from sqlalchemy import text

from mpi.api.app import create_app
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from mpi.storage.repositories.review.task_work import QuestionWork
from mpi.storage.repositories.review.tasks import Task
from tests.accounts import add_person
from tests.bench.desk_client import signed_in_client
from tests.index import OPERATOR, open_test_index
from tests.postgres import start_postgres
from tests.unit.api.live import serving

SOURCES = ("sis", "ccwis", "sis2")
AT, FAR = "2026-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"
STEWARD = Viewer("steward", None, frozenset(Action), None)
SCOPED = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
REPETITIONS = 40
OK, SHOWN = 200, 25


def fill(index, tasks: int, seed: int = 7) -> None:
    """Write the given number of tasks, and records for them."""
    draw = random.Random(seed)
    with index.database.write(OPERATOR, "load") as unit:
        sources = [unit.sources.get_by_code(code) for code in SOURCES]
        new_tasks, records, number = [], [], 0
        while len(new_tasks) < tasks:
            number += 1
            centre = len(records) + 1
            candidates = draw.choice((1, 1, 1, 2, 3, 4))
            for _ in range(candidates + 1):
                source = draw.choice(sources)
                records.append(_record(len(records) + 1, source))
            burst = draw.random() < 0.02
            question = f"q-{draw.getrandbits(64):016x}"
            for candidate in range(centre + 1, centre + candidates + 1):
                harm = draw.randrange(200_000, 9_000_000)
                new_tasks.append(
                    Task(
                        f"pair:{centre}:{candidate}", "pair", centre, candidate, draw.uniform(5, 12), "band",
                        question=question, subject=centre, harm=harm, harm_unflagged=harm // 2,
                        pattern="birth-date-a-day-off" if burst else None,
                        batch_id=1 + number % 5 if burst else None,
                    )
                )  # fmt: skip
        unit.records.insert(records)
        unit.tasks.replace([], new_tasks, unit.commit_no)
        by_question: dict[str, list[Task]] = {}
        for task in new_tasks:
            by_question.setdefault(task.question, []).append(task)
        keys = sorted(by_question)
        for key in draw.sample(keys, min(2000, len(keys) // 4)):
            bits_by_task = {task.key: round(task.bits * 1e6) for task in by_question[key]}
            unit.task_work.save(
                QuestionWork(key, "asleep", AT, asleep_until="2099-01-01", about={"tasks": bits_by_task})
            )
        for key in draw.sample(keys, min(500, len(keys) // 8)):
            unit.task_work.save(
                QuestionWork(key, "open", AT, claimed_by="other", lease_until="2099-01-01T00:00:00.000000Z")
            )


def _record(number: int, source) -> dict[str, object]:
    return {
        "id": number, "source_id": source.id, "local_id": f"L{number}", "group_id": source.group_id,
        "subject": None, "state": "active", "canonical_key": number, "version_id": None, "last_seen": AT,
    }  # fmt: skip


def time_call(call, work_clock=time.thread_time) -> dict[str, float]:
    """Return median and 95th percentile in milliseconds, and the median processor time."""
    call()
    durations, processor_times = [], []
    for _ in range(REPETITIONS):
        start, processor_start = time.perf_counter(), work_clock()
        call()
        durations.append((time.perf_counter() - start) * 1000)
        processor_times.append((work_clock() - processor_start) * 1000)
    durations.sort()
    return {
        "p50_ms": round(statistics.median(durations), 1),
        "p95_ms": round(durations[int(len(durations) * 0.95)], 1),
        "processor_ms": round(statistics.median(processor_times), 1),
    }


def measure_pages(index) -> dict[str, object]:
    """Return the times of pages, by page name."""
    first = load_queue_page(index, STEWARD, Filters())
    cursor = first.after
    for _ in range(10):
        cursor = load_queue_page(index, STEWARD, Filters(), 200, cursor).after
    calls = {
        "first page": lambda: load_queue_page(index, STEWARD, Filters()),
        "twelfth page of 200": lambda: load_queue_page(index, STEWARD, Filters(), 50, cursor),
        "first page, reader of one source": lambda: load_queue_page(index, SCOPED, Filters()),
        "one source of several": lambda: load_queue_page(index, STEWARD, Filters(source="sis2")),
        "one local ID": lambda: load_queue_page(index, STEWARD, Filters(text="L500")),
        "due": lambda: load_queue_page(index, STEWARD, Filters(due=True)),
        "asleep": lambda: load_queue_page(index, STEWARD, Filters(state="asleep")),
        "claimed": lambda: load_queue_page(index, STEWARD, Filters(state="claimed")),
        "mine": lambda: load_queue_page(index, STEWARD, Filters(state=None, mine=True)),
        "landing": lambda: load_landing(index, STEWARD),
    }
    return {name: time_call(call) for name, call in calls.items()} | measure_html_pages(index)


def measure_html_pages(index) -> dict[str, object]:
    """Return the times of the queue's HTML page; processor time includes the client's."""
    sources_by_page = {"HTML": None, "HTML, reader of one source": {"sis"}}
    times = {}
    with serving(create_app(index)) as url:
        for number, (name, sources) in enumerate(sources_by_page.items()):
            with closing(
                signed_in_client(url, add_person(index, f"ann{number}", Role.STEWARD, sources))
            ) as browser:

                def request_page(browser=browser) -> None:
                    answer = browser.get("/queue")
                    assert answer.status_code == OK
                    assert answer.text.count('href="/queue/q-') >= SHOWN

                times[name] = time_call(request_page, time.process_time)
    return times


def main() -> None:
    """Measure the pages and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = None
        if arguments.store == "postgresql":
            server = stack.enter_context(start_postgres())
            url = server.url(server.new_schema())
        index = stack.enter_context(open_test_index(home / "home", *SOURCES, database_url=url))
        fill(index, arguments.tasks)
        if index.database.is_postgresql:
            with index.database.engine.begin() as connection:
                # PostgreSQL's autovacuum does this by itself within a minute.
                connection.execute(text("ANALYZE"))
        print(
            json.dumps({"store": arguments.store, "tasks": arguments.tasks, **measure_pages(index)}, indent=1)
        )


if __name__ == "__main__":
    main()
