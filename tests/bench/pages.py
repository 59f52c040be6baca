"""Response times of the desk's pages for a signed-in person; ``scripts/bench-pages`` runs it.

The state is loaded by the commands that an operator uses, and ``mpi serve`` serves the pages in a process of
its own, with production's password hashing. The first request of each page is reported separately, because
the first visitor of the morning waits for it. Question, enterprise ID and search terms change with each
request.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import cycle, islice
from pathlib import Path

import httpx

from mpi.api.pages.rendering.paths import question_path
from mpi.domain.roles import Role
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_sample import draw_blind_sample
from tests.accounts import PASSWORD, add_person
from tests.bench import simulated_index
from tests.bench.environment import machine, step
from tests.postgres import start_postgres

LIMIT_MS = 300
_SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
_SEARCH_FIELDS = ("first_name", "last_name", "birth_date")
Request = Callable[[], httpx.Response]


def main() -> int:
    """Measure the pages and print JSON; exit with 1 if a page is slower than the limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench-pages", description=main.__doc__)
    parser.add_argument("--records", type=int, default=50_000, help="source records of the simulated state")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--calls", type=int, default=40, help="how often each page is asked for")
    parser.add_argument("--keep", type=Path, help="folder of the index: made there, or taken from there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mpi-bench-") as name:
        folder = arguments.keep or Path(name)
        with start_postgres() if arguments.store == "postgresql" else nullcontext() as server:
            url = None if server is None else server.url(server.new_database())
            step(f"an index of {arguments.records:,} records")
            bench_index = simulated_index.make_or_reuse(folder, arguments.records, url)
            pages = measure(bench_index, folder / "state", arguments.calls)
    slow = sorted(name for name, times in pages.items() if times["p95_ms"] > LIMIT_MS)
    results = {
        "machine": machine(),
        "store": arguments.store,
        "records": bench_index.records,
        "pages": pages,
        "slow": slow,
    }
    print(json.dumps(results, indent=1))
    return 1 if slow else 0


def measure(bench_index: simulated_index.BenchIndex, files: Path, calls: int) -> dict[str, dict[str, float]]:
    """Return figures by page: first request, median, 95th percentile and processor time in ms.

    The processor time is the server's mean, in steps of a hundredth of a second, without PostgreSQL.
    """
    with bench_index.open() as index:
        draw_blind_sample(index, make_operator())
        account_names = _add_accounts(index, bench_index.sources)
        keys = [
            question.key for question in load_queue_page(index, make_operator(), Filters(), 200).questions
        ]
        eids = [row.enterprise_id for row in islice(export_crosswalk(index, make_operator()), 0, 50_000, 250)]
    step("asking for pages")
    results: dict[str, dict[str, float]] = {}
    processes_before = _child_processes()
    with simulated_index.serving(bench_index, 1) as server:
        processor_ms = _processor_reader(_child_processes() - processes_before)
        clients = {name: signed_in_client(f"http://127.0.0.1:{server.port}", name) for name in account_names}
        requests = _page_requests(clients, keys, eids, files, bench_index.sources)
        for name, request in requests.items():
            results[name] = _time_page(request, calls, processor_ms)
            step(f"  {name}: {results[name]}")
        for client in clients.values():
            client.close()
    return results


def _add_accounts(index: Index, sources: tuple[str, ...]) -> list[str]:
    accounts = {
        "steward": (Role.STEWARD, None),
        "district": (Role.STEWARD, {sources[-1]}),
        "approver": (Role.APPROVER, None),
        "owner": (Role.SOURCE_OWNER, {sources[-1]}),
        "keeper": (Role.OPERATOR, None),
    }
    with index.database.read(make_operator()) as unit:
        existing = {name for name in accounts if unit.accounts.find_by_name(name) is not None}
    for name, (role, visible_sources) in accounts.items():
        if name not in existing:
            add_person(index, name, role, visible_sources, f"A {name} of the benchmark")
    return list(accounts)


def signed_in_client(url: str, name: str) -> httpx.Client:
    """Return the HTTP client of a person who has signed in."""
    client = httpx.Client(base_url=url, timeout=120)
    form = {"csrf": _form_token(client, "/sign-in"), "name": name, "password": PASSWORD}
    answer = client.post("/sign-in", data=form, headers=_SAME_ORIGIN)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.status_code
    return client


def _form_token(client: httpx.Client, path: str) -> str:
    match = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert match, f"no form at {path}"
    return match[1]


def _page_requests(
    clients: dict[str, httpx.Client], keys: list[str], eids: list[str], files: Path, sources: tuple[str, ...]
) -> dict[str, Request]:
    """Return, by page name, the function that requests it."""
    steward = clients["steward"]
    token = _form_token(steward, "/find")
    some_keys, some_eids = cycle(keys), cycle(eids)
    searches = cycle(_search_terms(files, sources[0]))

    def found(name: str) -> Request:
        fields = ("source", "local_id") if name == "/find/key" else _SEARCH_FIELDS
        return lambda: steward.post(
            name,
            data={"csrf": token} | {f: v for f, v in next(searches).items() if f in fields},
            headers=_SAME_ORIGIN,
        )

    pages = {
        "desk": lambda: steward.get("/"),
        "queue": lambda: steward.get("/queue"),
        "queue, reader of one source": lambda: clients["district"].get("/queue"),
        "queue of one source": lambda: steward.get("/queue", params={"source": sources[0]}),
        "question": lambda: steward.get(question_path(next(some_keys))),
        "person": lambda: steward.get(f"/people/{next(some_eids)}"),
        "unlink": lambda: steward.get(f"/people/{next(some_eids)}/unlink"),
        "correct": lambda: steward.get(f"/people/{next(some_eids)}/correct"),
        "find": lambda: steward.get("/find"),
        "find by details": found("/find"),
        "find by key": found("/find/key"),
        "practice": lambda: steward.get("/practice"),
        "blind": lambda: steward.get("/blind"),
        "quality": lambda: steward.get("/quality"),
        "runs": lambda: clients["approver"].get("/runs"),
        "asked": lambda: clients["owner"].get("/asked"),
        "accounts": lambda: clients["keeper"].get("/accounts"),
    }
    return pages if keys else {name: ask for name, ask in pages.items() if name != "question"}


def _search_terms(files: Path, source: str) -> list[dict[str, str]]:
    """Return search terms for children that the index knows."""
    rows = islice(simulated_index.read_records(files, source), 0, 4_000, 20)
    return [
        {"source": source} | {name: str(row.get(name) or "") for name in ("local_id", *_SEARCH_FIELDS)}
        for row in rows
    ]


def _child_processes() -> set[int]:
    """Return the processes that this one started; empty where the system does not tell."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(number) for task in tasks for number in task.read_text().split()}


def _processor_reader(processes: set[int]) -> Callable[[], float]:
    """Return a function that reads the server's processor milliseconds."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")

    def read() -> float:
        statistics = [
            Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split() for number in processes
        ]
        return sum((int(fields[11]) + int(fields[12])) * tick for fields in statistics)

    return read


def _time_page(request: Request, calls: int, processor_ms: Callable[[], float]) -> dict[str, float]:
    first_duration, processor_before = _time_request(request), processor_ms()
    durations = sorted(_time_request(request) for _ in range(calls))
    # By nearest rank, so that the figure is a time that was measured.
    return {
        "first_ms": round(first_duration, 1),
        "p50_ms": round(durations[len(durations) // 2], 1),
        "p95_ms": round(durations[max(0, -(-len(durations) * 95 // 100) - 1)], 1),
        "processor_ms": round((processor_ms() - processor_before) / calls, 1),
    }


def _time_request(request: Request) -> float:
    start = time.perf_counter()
    answer = request()
    duration = (time.perf_counter() - start) * 1000
    assert answer.status_code in (httpx.codes.OK, httpx.codes.SEE_OTHER), (
        answer.url.path,
        answer.status_code,
    )
    return duration


if __name__ == "__main__":
    sys.exit(main())
