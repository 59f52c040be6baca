"""Loads, reviews, upserts and look-ups against one server for a long time: memory, errors, 99th percentiles.

Each kind of call has a client with a fixed pace, as sources and stewards have. Memory is that of
all processes of the server, read every five seconds; it is flat if the median of the last fifth differs from
that after the warm-up by less than 5 %.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.bench import simulated_index
from tests.bench.environment import advised_settings, machine, step
from tests.bench.simulated_index import BenchIndex, BenchServer, list_process_tree, read_records
from tests.index import crosswalk
from tests.postgres import start_postgres

PACE_S = {"look up": 0.02, "upsert": 0.2, "search": 2.0, "review": 1.0, "load": 60.0}
"""Seconds from the beginning of one call of a client to that of its next."""
BARS_MS = {"look up": 50, "upsert": 100, "search": 500, "review": 1_000}
"""Longest 99th percentile, in milliseconds, while loads run; a review is up to five calls."""
LOAD_ROWS = 200
FLAT = 0.05
WARM_UP = 0.2
"""Share of the time that is the warm-up."""
_SAMPLE_S = 5.0
_REFUSALS = (404, 409, 412)
"""Statuses by which a reviewer hears that somebody or something was faster."""


class Soak:
    """One run.

    Args:
        url: address of the server.
        key: API key.
        state: folder of the simulated state.
        held: source and local ID of the records that the index holds; the state has rows that it rejects.
        seconds: length of the run.
    """

    def __init__(self, url: str, key: str, state: Path, held: set[tuple[str, str]], seconds: float) -> None:
        self.url, self.key = url, key
        self.sources = sources = tuple(sorted({source for source, _ in held}))
        self.ends_at = time.monotonic() + seconds
        self.records = {
            source: [row for row in read_records(state, source) if (source, str(row["local_id"])) in held]
            for source in sources
        }
        self.durations: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.answered = 0
        self.refused: Counter[str] = Counter()

    def run(self) -> None:
        """Run all clients until the end."""
        flows: dict[str, Callable[[httpx.Client, random.Random], Iterator[None]]] = {
            "look up": self._look_up,
            "upsert": self._upsert,
            "search": self._search,
            "review": self._review,
            "load": self._load,
        }
        threads = [threading.Thread(target=self._pace, args=(name, flow)) for name, flow in flows.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _pace(self, name: str, flow: Callable[[httpx.Client, random.Random], Iterator[None]]) -> None:
        generator = random.Random(name)
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            steps = flow(client, generator)
            while (began := time.monotonic()) < self.ends_at:
                try:
                    next(steps)
                except (httpx.HTTPError, RuntimeError) as error:
                    self.errors[f"{name}: {type(error).__name__}"] += 1
                    steps = flow(client, generator)
                self.durations[name].append((time.monotonic() - began) * 1000)
                time.sleep(max(0.0, min(began + PACE_S[name], self.ends_at) - time.monotonic()))

    def _call(self, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response | None:
        """Send a call; return None where it was refused for good reason."""
        answer = client.request(method, path, **options)  # type: ignore[arg-type]
        if answer.is_success:
            return answer
        if method == "POST" and answer.status_code in _REFUSALS:
            self.refused[f"{path.rpartition(':')[2]} {answer.status_code}"] += 1
            return None
        self.errors[f"{method} {path.partition('/v1/')[2].partition('/')[0]} {answer.status_code}"] += 1
        return None

    def _choose(self, generator: random.Random) -> tuple[str, dict[str, object]]:
        source = generator.choice(self.sources)
        return source, generator.choice(self.records[source])

    def _look_up(self, client: httpx.Client, generator: random.Random) -> Iterator[None]:
        while True:
            source, record = self._choose(generator)
            path = f"/v1/sources/{quote(source)}/records/{quote(str(record['local_id']), safe='')}"
            self._call(client, "GET", path)
            yield

    def _upsert(self, client: httpx.Client, generator: random.Random) -> Iterator[None]:
        while True:
            source, record = self._choose(generator)
            path = f"/v1/sources/{quote(source)}/records/{quote(str(record['local_id']), safe='')}"
            changed = {**_flatten(record), "postal_code": f"{43000 + generator.randrange(900)}"}
            self._call(client, "PUT", path, json=changed)
            yield

    def _search(self, client: httpx.Client, generator: random.Random) -> Iterator[None]:
        while True:
            _, record = self._choose(generator)
            names = ("first_name", "last_name", "birth_date")
            body = {name: record[name] for name in names if name in record}
            self._call(client, "POST", "/v1/persons:search", json=body)
            yield

    def _review(self, client: httpx.Client, generator: random.Random) -> Iterator[None]:
        """Take a question, read it, and decide or undo."""
        while True:
            answer = self._call(client, "GET", "/v1/review-questions", params={"limit": 20})
            questions = [] if answer is None else answer.json()["questions"]
            if not questions:
                yield
                continue
            key = generator.choice(questions)["key"]
            path = f"/v1/review-tasks/{quote(key)}"
            if self._call(client, "POST", f"{path}:claim", json={}) is None:
                yield
                continue
            answer = self._call(client, "GET", f"/v1/review-questions/{quote(key)}")
            pairs = [] if answer is None else answer.json().get("pairs", [])
            if answer is not None and pairs:
                kind = generator.choice(("same", "different", "unsure"))
                verdicts = [{"left": pairs[0]["left"], "right": pairs[0]["right"], "kind": kind}]
                body = {"verdicts": verdicts, "reason": REASONS[kind], "note": "soak"}
                heading = {"If-Match": answer.headers["ETag"]}
                done = self._call(client, "POST", f"{path}:decide", json=body, headers=heading)
                self.answered += done is not None
                number = None if done is None else done.json().get("step")
                if number is not None and generator.random() < 0.3:
                    undo = {"step": number, "reason": "error"}
                    self._call(client, "POST", f"{path}:undo", json=undo)
            else:
                self._call(client, "POST", f"{path}:release", json={})
            yield

    def _load(self, client: httpx.Client, generator: random.Random) -> Iterator[None]:
        while True:
            source = generator.choice(self.sources)
            rows = generator.sample(self.records[source], min(LOAD_ROWS, len(self.records[source])))
            lines = [
                json.dumps({**_flatten(row), "postal_code": f"{43000 + generator.randrange(900)}"})
                for row in rows
            ]
            files = {"file": ("feed.ndjson", "\n".join(lines).encode())}
            answer = self._call(client, "POST", f"/v1/sources/{quote(source)}/loads", files=files)
            while answer is not None and answer.json()["state"] in ("waiting", "running"):
                time.sleep(0.2)
                answer = self._call(client, "GET", f"/v1/jobs/{answer.json()['id']}")
            if answer is not None and answer.json()["state"] != "done":
                self.errors[f"load {answer.json()['state']} {answer.json()['error']}"] += 1
            yield


def _flatten(record: dict[str, object]) -> dict[str, object]:
    """Return a record without its list of addresses, whose first one would repeat the postal code."""
    return {name: value for name, value in record.items() if name != "addresses"}


REASONS = {"same": "same-child", "different": "different-children", "unsure": "other"}


def read_memory_mb(server: BenchServer) -> float:
    """Return the proportional memory of all processes of a server, in MB."""
    total = 0
    for pid in list_process_tree(server.pid):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure(bench_index: BenchIndex, state: Path, minutes: float, workers: int) -> dict[str, object]:
    """Serve an index, run all clients, and return figures and faults."""
    memory: list[float] = []
    with bench_index.open() as index:
        held = set(crosswalk(index))
    with simulated_index.serving(bench_index, workers) as server:
        soak = Soak(f"http://127.0.0.1:{server.port}", bench_index.key, state, held, minutes * 60)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_SAMPLE_S):
                memory.append(read_memory_mb(server))

        watcher = threading.Thread(target=watch)
        watcher.start()
        soak.run()
        ended.set()
        watcher.join()
    bench_index.run("verify")
    return summarize(soak, memory)


def summarize(soak: Soak, memory: list[float]) -> dict[str, object]:
    """Return the figures of a run."""
    fifth = max(1, len(memory) // 5)
    first, last = statistics.median(memory[fifth : 2 * fifth]), statistics.median(memory[-fifth:])
    calls = {
        name: {
            "calls": len(durations),
            "p50_ms": round(statistics.median(durations), 1),
            "p99_ms": round(statistics.quantiles(durations, n=100)[98], 1) if len(durations) > 1 else None,
            "longest_ms": round(max(durations), 1),
        }
        for name, durations in soak.durations.items()
    }
    faults = [f"{name}: {count}" for name, count in soak.errors.items()]
    faults += [
        f"{name}: p99 {calls[name]['p99_ms']} ms above {bar} ms"
        for name, bar in BARS_MS.items()
        if (calls[name]["p99_ms"] or 0) > bar
    ]
    growth = last / first - 1
    if abs(growth) > FLAT:
        faults.append(f"memory changed by {growth:.1%}")
    return {
        "calls": calls,
        "reviews_refused": dict(soak.refused),
        "reviews_answered": soak.answered,
        "memory_mb": [round(value) for value in memory[:: max(1, len(memory) // 20)]],
        "memory_after_warm_up_mb": round(first, 1),
        "memory_at_end_mb": round(last, 1),
        "memory_growth": round(growth, 4),
        "faults": faults,
    }


def print_table(figures: dict[str, object]) -> None:
    """Print the figures as a table in Markdown."""
    print("| client | calls | p50, ms | p99, ms | longest, ms |\n|---|---|---|---|---|")
    calls: dict[str, dict[str, object]] = figures["calls"]  # type: ignore[assignment]
    for name, row in calls.items():
        print(f"| {name} | {row['calls']:,} | {row['p50_ms']} | {row['p99_ms']} | {row['longest_ms']} |")
    print(
        f"\nMemory of the server: {figures['memory_after_warm_up_mb']} MB after the warm-up, "
        f"{figures['memory_at_end_mb']} MB at the end ({figures['memory_growth']:+.1%})."
    )
    faults: list[str] = figures["faults"]  # type: ignore[assignment]
    print("\n".join(faults) or "No error, and every 99th percentile within its bar.")


def main() -> int:
    """Run clients of all kinds against one server, and print a table."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that serve")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", type=Path, help="write all figures into this file")
    arguments = parser.parse_args()
    is_postgresql = arguments.store == "postgresql"
    with (
        tempfile.TemporaryDirectory() as name,
        start_postgres(**advised_settings()) if is_postgresql else nullcontext() as server,
    ):
        folder = Path(name)
        step(f"simulating {arguments.records:,} records")
        simulated_index.simulate(folder / "state", arguments.records, seed=1)
        url = server.url(server.new_database()) if server is not None else None
        step("loading them")
        bench_index = simulated_index.make(folder / "state", folder / "home", url)
        step(f"soaking for {arguments.minutes:g} minutes")
        figures = measure(bench_index, folder / "state", arguments.minutes, arguments.workers)
    figures |= {"minutes": arguments.minutes, "records": arguments.records, "machine": machine()}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1))
    print_table(figures)
    return 1 if figures["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
