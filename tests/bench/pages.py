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
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import httpx

from mpi.api.pages.rendering.paths import question_path
from mpi.domain.decision import DecisionKind
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, make_operator
from mpi.policy.route_table import ROUTES
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.core.index import Index
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.storage.repositories.sources.records import RecordState
from tests.accounts import add_person
from tests.agreements import permit_emergencies
from tests.bench import simulated_index
from tests.bench.desk_client import SAME_ORIGIN, find_form_token, signed_in_client
from tests.bench.environment import machine, step
from tests.bench.page_states import CLERK, KEEPER, PageStates, make_page_states
from tests.bench.rosters import add_rosters
from tests.postgres import start_postgres

LIMIT_MS = 300
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
        own_children = add_rosters(index, bench_index.sources, files, "caseworker")
        waiting_step = _add_waiting_step(index, bench_index.sources[-1])
        states = make_page_states(index, bench_index.sources, files)
        keys = [
            question.key for question in load_queue_page(index, make_operator(), Filters(), 200).questions
        ]
        terms = _search_terms(index, files, bench_index.sources[0])
        eids = [row.enterprise_id for row in islice(export_crosswalk(index, make_operator()), 0, 50_000, 250)]
    step("asking for pages")
    results: dict[str, dict[str, float]] = {}
    processes_before = _child_processes()
    account_names.append(CLERK)
    with simulated_index.serving(bench_index, 1) as server:
        processor_ms = _processor_reader(_child_processes() - processes_before)
        clients = {name: signed_in_client(f"http://127.0.0.1:{server.port}", name) for name in account_names}
        requests = _page_requests(clients, keys, terms, bench_index.sources)
        requests |= _redirect_requests(clients["steward"], states, eids)
        requests |= _list_other_pages(clients, requests, keys, eids, own_children, waiting_step, states)
        for name, request in requests.items():
            results[name] = _time_page(request, calls, processor_ms)
            step(f"  {name}: {results[name]}")
        for client in clients.values():
            client.close()
    return results


def _add_accounts(index: Index, sources: tuple[str, ...]) -> list[str]:
    """Add an account of each role whose pages are measured, and return their names."""
    accounts = {
        "steward": (Role.STEWARD, None),
        "district": (Role.STEWARD, {sources[-1]}),
        "approver": (Role.APPROVER, None),
        "owner": (Role.SOURCE_OWNER, {sources[-1]}),
        KEEPER: (Role.OPERATOR, None),
        "auditor": (Role.AUDITOR, None),
        "privacy": (Role.PRIVACY_OFFICER, None),
        "caseworker": (Role.CASEWORKER, set(sources)),
        "contact": (Role.POINT_OF_CONTACT, {sources[0], sources[-2]}),
    }
    with index.database.read(make_operator()) as unit:
        existing = {name for name in accounts if unit.accounts.find_by_name(name) is not None}
    for name, (role, visible_sources) in accounts.items():
        if name not in existing:
            add_person(index, name, role, visible_sources, f"A {name} of the benchmark")
    if "caseworker" not in existing:
        permit_emergencies(index)
        grant_actions(index, make_operator(), "caseworker", [Action.BREAK_GLASS.value])
    return list(accounts)


def _add_waiting_step(index: Index, source: str) -> int | None:
    """Let a decision wait for the owner of a source; return its number, None without a question."""
    steward = replace(make_operator(), client="steward")
    waiting = list_pending_steps(index, steward)
    if not waiting:
        set_consent_required(index, make_operator(), source, asks=True)
        questions = load_queue_page(index, steward, Filters(source=source), 50).questions
        records = next((question.records[:2] for question in questions if len(question.records) > 1), ())
        if records:
            groups = [[record] for record in records]
            decide(index, steward, DecisionRequest(DecisionKind.DIFFERENT, groups, "documents"))
        waiting = list_pending_steps(index, steward)
    return next((step.step for step in waiting), None)


def _page_requests(
    clients: dict[str, httpx.Client],
    keys: list[str],
    terms: list[dict[str, str]],
    sources: tuple[str, ...],
) -> dict[str, Request]:
    """Return, by name, requests that the route table does not tell: filters, searches and lists of others."""
    steward = clients["steward"]
    token = find_form_token(steward, "/find")
    some_keys = cycle(keys)
    searches = cycle(terms)

    def found(name: str) -> Request:
        fields = ("source", "local_id") if name == "/find/key" else _SEARCH_FIELDS
        return lambda: steward.post(
            name,
            data={"csrf": token} | {f: v for f, v in next(searches).items() if f in fields},
            headers=SAME_ORIGIN,
        )

    pages = {
        "queue, reader of one source": lambda: clients["district"].get("/queue"),
        "queue of one source": lambda: steward.get("/queue", params={"source": sources[0]}),
        "queue by name": lambda: steward.get("/queue", params={"sort": "name"}),
        "queue by county and age": lambda: steward.get(
            "/queue", params={"sort": "county", "min_age": "5", "max_age": "12"}
        ),
        "queue of closed questions": lambda: steward.get("/queue", params={"state": "closed"}),
        "queue, children of a name": lambda: steward.post(
            "/queue",
            data={"csrf": token, "query": "", "child": next(searches)["last_name"]},
            headers=SAME_ORIGIN,
        ),
        "find by details": found("/find"),
        "find by key": found("/find/key"),
    }
    if keys:
        pages["question, pair by pair"] = lambda: steward.get(
            question_path(next(some_keys)), params={"by": "pair"}
        )
    return pages


def _redirect_requests(steward: httpx.Client, states: PageStates, eids: list[str]) -> dict[str, Request]:
    """Return requests for the addresses that lead to a page: a link, and two children of a search."""
    firsts, seconds = cycle(eids), cycle(eids[1:] + eids[:1])
    return {
        "/go/{code}": lambda: steward.get(states.link),
        "/link": lambda: steward.get("/link", params=[("child", next(firsts)), ("child", next(seconds))]),
    }


NO_PAGES = frozenset({
    "/people", "/sign-in", "/change-password", "/ledger.csv", "/issues.csv", "/students-in-care.csv",
    "/my-children.csv",
})  # fmt: skip
"""Addresses that redirect, need nobody who is signed in, or return a file."""
INTERFACES = ("/v1/", "/identity/", "/fhir/")
"""Beginnings of addresses that programs call."""


def _list_other_pages(
    clients: dict[str, httpx.Client],
    measured: Collection[str],
    keys: list[str],
    eids: list[str],
    own_children: list[str],
    waiting_step: int | None,
    states: PageStates,
) -> dict[str, Request]:
    """Return a request for every page of the route table, by the first person who may open it.

    So a new page is measured without a line here. One whose address names what the benchmark does not make is
    left out, and said so.
    """
    values: dict[str, Iterator[str]] = {
        "/queue/{key}": cycle([question_path(key).rpartition("/")[2] for key in keys] or [""]),
        "{eid}": cycle(eids),
        "/my-children/{eid}/case-plan": cycle(own_children or [""]),
        "/waiting/{number}": cycle(["" if waiting_step is None else str(waiting_step)]),
        "{code}": cycle(["house"]),
        **{path: cycle([value]) for path, value in states.by_path.items()},
    }
    pages: dict[str, Request] = {}
    for path in (route.removeprefix("GET ") for route in ROUTES if route.startswith("GET /")):
        rule = ROUTES[f"GET {path}"]
        if rule.is_public or path.startswith(INTERFACES) or path in NO_PAGES or path in measured:
            continue
        build = _address_builder(path, values)
        client = next((each for each in clients.values() if each.get(build()).is_success), None)
        if client is None:
            step(f"  {path}: not measured, nobody here may open one")
            continue
        pages[path] = partial(_get_page, client, build)
    return pages


def _address_builder(path: str, values: Mapping[str, Iterator[str]]) -> Callable[[], str]:
    """Return a function that fills a page's address with another value each time."""
    parameter = re.search(r"\{\w+\}", path)
    if parameter is None:
        return lambda: path
    chosen = values.get(path) or values.get(parameter[0]) or cycle(["0"])
    return lambda: path.replace(parameter[0], next(chosen))


def _get_page(client: httpx.Client, build: Callable[[], str]) -> httpx.Response:
    return client.get(build())


def _search_terms(index: Index, files: Path, source: str) -> list[dict[str, str]]:
    """Return search terms for children that the index knows; a file may hold rows that it refused."""
    rows = islice(simulated_index.read_records(files, source), 0, 4_000, 20)
    terms = [
        {"source": source} | {name: str(row.get(name) or "") for name in ("local_id", *_SEARCH_FIELDS)}
        for row in rows
    ]
    with index.database.read(make_operator()) as unit:
        source_id = next(each.id for each in unit.sources.all() if each.code == source)
        records = unit.records.find_by_local_ids(source_id, [term["local_id"] for term in terms])
    active = {local_id for local_id, record in records.items() if record.state == RecordState.ACTIVE}
    return [term for term in terms if term["local_id"] in active]


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
