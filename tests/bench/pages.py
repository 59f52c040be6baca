"""How long each page takes on a simulated state, as a signed-in person waits for it: ``scripts/bench-pages``.

The state is loaded by the commands that an operator would use, and the pages are served by ``mpi serve`` in a
process of its own, with production's passwords. The first request of each page in that process is told beside
the others, as whoever opens the page first in the morning waits for it. What names a child (its question, its
ID, what is typed into a search) is another one each time.
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
from tests.bench import state
from tests.bench.__main__ import machine, step
from tests.people import PASSWORD, a_person
from tests.postgres import a_server

LIMIT_MS = 300
_SAME = {"Sec-Fetch-Site": "same-origin"}
_SEARCHED = ("first_name", "last_name", "birth_date")
Ask = Callable[[], httpx.Response]


def main() -> int:
    """Measure, and print JSON; ends with 1 where a page is slower than it may be."""
    parser = argparse.ArgumentParser(prog="scripts/bench-pages", description=main.__doc__)
    parser.add_argument("--records", type=int, default=50_000, help="source records of the simulated state")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--calls", type=int, default=40, help="how often each page is asked for")
    parser.add_argument("--keep", type=Path, help="folder of the index: made there, or taken from there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mpi-bench-") as name:
        folder = asked.keep or Path(name)
        with a_server() if asked.store == "postgresql" else nullcontext() as server:
            url = None if server is None else server.url(server.new_database())
            step(f"an index of {asked.records:,} records")
            made = state.keep(folder, asked.records, url)
            pages = measure(made, folder / "state", asked.calls)
    slow = sorted(name for name, took in pages.items() if took["p95_ms"] > LIMIT_MS)
    found = {
        "machine": machine(),
        "store": asked.store,
        "records": made.records,
        "pages": pages,
        "slow": slow,
    }
    print(json.dumps(found, indent=1))
    return 1 if slow else 0


def measure(made: state.Made, files: Path, calls: int) -> dict[str, dict[str, float]]:
    """By page: milliseconds of the first request, the median, the 95th percentile and the server's own work.

    Its work is the mean, as the system counts it in hundredths of a second, without that of PostgreSQL.
    """
    with made.opened() as index:
        draw_blind_sample(index, make_operator())
        people = _people(index, made.sources)
        keys = [one.key for one in load_queue_page(index, make_operator(), Filters(), 200).questions]
        eids = [row.enterprise_id for row in islice(export_crosswalk(index, make_operator()), 0, 50_000, 250)]
    step("asking for pages")
    found: dict[str, dict[str, float]] = {}
    others = _children()
    with state.serving(made, 1) as server:
        worked = _processor_of(_children() - others)
        at = {name: signed_in(f"http://127.0.0.1:{server.port}", name) for name in people}
        asked = _asked(at, keys, eids, files, made.sources)
        for name, ask in asked.items():
            found[name] = _timed(ask, calls, worked)
            step(f"  {name}: {found[name]}")
        for client in at.values():
            client.close()
    return found


def _people(index: Index, sources: tuple[str, ...]) -> list[str]:
    wanted = {
        "steward": (Role.STEWARD, None),
        "district": (Role.STEWARD, {sources[-1]}),
        "approver": (Role.APPROVER, None),
        "owner": (Role.SOURCE_OWNER, {sources[-1]}),
        "keeper": (Role.OPERATOR, None),
    }
    with index.database.read(make_operator()) as unit:
        known = {name for name in wanted if unit.accounts.find_by_name(name) is not None}
    for name, (role, seen) in wanted.items():
        if name not in known:
            a_person(index, name, role, seen, f"A {name} of the benchmark")
    return list(wanted)


def signed_in(url: str, name: str) -> httpx.Client:
    """A browser of somebody who has signed in."""
    client = httpx.Client(base_url=url, timeout=120)
    form = {"csrf": _token(client, "/sign-in"), "name": name, "password": PASSWORD}
    answer = client.post("/sign-in", data=form, headers=_SAME)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.status_code
    return client


def _token(client: httpx.Client, path: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert found, f"no form at {path}"
    return found[1]


def _asked(
    at: dict[str, httpx.Client], keys: list[str], eids: list[str], files: Path, sources: tuple[str, ...]
) -> dict[str, Ask]:
    """By name: what asks for the page."""
    steward = at["steward"]
    token = _token(steward, "/find")
    some_keys, some_eids = cycle(keys), cycle(eids)
    typed = cycle(_typed(files, sources[0]))

    def found(name: str) -> Ask:
        fields = ("source", "local_id") if name == "/find/key" else _SEARCHED
        return lambda: steward.post(
            name, data={"csrf": token} | {f: v for f, v in next(typed).items() if f in fields}, headers=_SAME
        )

    pages = {
        "desk": lambda: steward.get("/"),
        "queue": lambda: steward.get("/queue"),
        "queue, reader of one source": lambda: at["district"].get("/queue"),
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
        "runs": lambda: at["approver"].get("/runs"),
        "asked": lambda: at["owner"].get("/asked"),
        "accounts": lambda: at["keeper"].get("/accounts"),
    }
    return pages if keys else {name: ask for name, ask in pages.items() if name != "question"}


def _typed(files: Path, source: str) -> list[dict[str, str]]:
    """What somebody types who looks for children that the index knows."""
    some = islice(state.sent(files, source), 0, 4_000, 20)
    return [
        {"source": source} | {name: str(row.get(name) or "") for name in ("local_id", *_SEARCHED)}
        for row in some
    ]


def _children() -> set[int]:
    """Processes that this one started; none where the system does not tell."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(number) for task in tasks for number in task.read_text().split()}


def _processor_of(processes: set[int]) -> Callable[[], float]:
    """Reads how many milliseconds of processor the server has taken."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")

    def read() -> float:
        told = [Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split() for number in processes]
        return sum((int(fields[11]) + int(fields[12])) * tick for fields in told)

    return read


def _timed(ask: Ask, calls: int, worked: Callable[[], float]) -> dict[str, float]:
    first, begun = _once(ask), worked()
    took = sorted(_once(ask) for _ in range(calls))
    # By nearest rank, so that it is a time that somebody waited.
    return {
        "first_ms": round(first, 1),
        "p50_ms": round(took[len(took) // 2], 1),
        "p95_ms": round(took[max(0, -(-len(took) * 95 // 100) - 1)], 1),
        "processor_ms": round((worked() - begun) / calls, 1),
    }


def _once(ask: Ask) -> float:
    begun = time.perf_counter()
    answer = ask()
    took = (time.perf_counter() - begun) * 1000
    assert answer.status_code in (httpx.codes.OK, httpx.codes.SEE_OTHER), (
        answer.url.path,
        answer.status_code,
    )
    return took


if __name__ == "__main__":
    sys.exit(main())
