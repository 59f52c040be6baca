"""Cost of records that all share their blocking keys, as an integrator's load test sends them."""

import csv
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mpi.domain.viewer import make_operator
from mpi.service.maintenance.verify import verify
from tests.bench.http_client import Call, HttpClient, summarize
from tests.bench.simulated_index import (
    BenchIndex,
    BenchServer,
    list_process_tree,
    make_empty,
    measure_program,
    serving,
)

RECORDS = 5_000
CLIENT_COUNT = 8
WINDOW = 1_000
"""Calls that are summarized together, to show the cost over time."""
SOURCE = "load_test"
NAMES = (("Test", "Student"), ("Pupil", "Sample"))
"""First and last names of the records. The standardizer takes the first for no name; the second is one."""
_SETTLED_WITHIN_S = 300
_MB = 1024


@dataclass(slots=True)
class Outcomes:
    """Times and failures of calls.

    Args:
        durations: milliseconds of each call, failed ones included.
        failures: number of calls by what they were answered with.
    """

    durations: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def send(self, client: HttpClient, call: Call) -> None:
        """Send a call, and keep its time and its failure."""
        began = time.perf_counter()
        try:
            client.send(call)
        except RuntimeError as error:
            self.failures[str(error)] += 1
        self.durations.append((time.perf_counter() - began) * 1000)

    def report(self) -> dict[str, object]:
        """Return percentiles, the slowest call and the failures."""
        return {
            **summarize(self.durations),
            "longest_ms": round(max(self.durations), 1),
            "failures": dict(self.failures),
        }


@dataclass(frozen=True, slots=True)
class RecordMaker:
    """Maker of records that have all features in common.

    Args:
        first_name: first name, which a number follows.
        last_name: last name.
        first_year: birth year of the first way to send them.
        count: number of records of each way.
    """

    first_name: str
    last_name: str
    first_year: int
    count: int

    def make_rows(self, way: int) -> Iterator[dict[str, object]]:
        """Yield the records of a way to send them, which have one birth date."""
        birth_date = f"{self.first_year + way}-05-05"
        for number in range(self.count):
            yield {
                "local_id": f"{birth_date}-{number}",
                "first_name": f"{self.first_name} {number}",
                "last_name": self.last_name,
                "birth_date": birth_date,
            }


def measure(home: Path, url: str | None, workers: int, records: int = RECORDS) -> dict[str, object]:
    """Send records of one name and birth date, one by one, from eight clients, and as a file.

    Each way and each name has its own birth date, and so its own blocks.

    Args:
        home: folder of a new index.
        url: URL of its database; None for SQLite in the folder.
        workers: processes that serve.
        records: number of records of each.
    """
    bench_index = make_empty(BenchIndex(home, url, ""), ("init", "--test"), None)
    bench_index.run("source", "add", SOURCE, "--kind", "other")
    makers = [RecordMaker(*names, 2008 + 3 * place, records) for place, names in enumerate(NAMES)]
    results: dict[str, object] = {"records": records}
    with serving(bench_index, workers) as server:
        for maker in makers:
            results[maker.last_name] = {
                "one_by_one": _measure_one_by_one(server, bench_index.key, maker),
                "settled_after_s": wait_until_settled(bench_index),
                "eight_clients": _measure_eight_clients(server, bench_index.key, maker),
                "settled_after_eight_clients_s": wait_until_settled(bench_index),
            }
        results["server_peak_mb"] = max(map(_read_peak_mb, list_process_tree(server.pid)))
    for maker in makers:
        path = home.with_suffix(f".{maker.last_name}.csv")
        results[f"file of {maker.last_name}"] = _measure_file(bench_index, path, maker)
    with bench_index.open() as index:
        results["findings"] = [finding.detail for finding in verify(index, make_operator())]
    return results


def _measure_one_by_one(server: BenchServer, key: str, maker: RecordMaker) -> dict[str, object]:
    """Time the upserts of one client, in all and by thousand."""
    client, outcomes = HttpClient(server.port, key), Outcomes()
    processor_before = server.processor_seconds()
    for row in maker.make_rows(0):
        outcomes.send(client, client.put(SOURCE, row))
    client.close()
    starts = range(0, maker.count, WINDOW)
    windows = [summarize(outcomes.durations[start : start + WINDOW]) for start in starts]
    processor_ms = (server.processor_seconds() - processor_before) * 1000 / maker.count
    return {**outcomes.report(), "server_cpu_ms": round(processor_ms, 2), "by_thousand": windows}


def _measure_eight_clients(server: BenchServer, key: str, maker: RecordMaker) -> dict[str, object]:
    """Time the upserts of eight clients at once."""
    outcomes = [Outcomes() for _ in range(CLIENT_COUNT)]

    def work(number: int) -> None:
        client = HttpClient(server.port, key)
        for row in islice(maker.make_rows(1), number, None, CLIENT_COUNT):
            outcomes[number].send(client, client.put(SOURCE, row))
        client.close()

    processor_before = server.processor_seconds()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENT_COUNT)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    joined = _join_outcomes(outcomes)
    processor_ms = (server.processor_seconds() - processor_before) * 1000 / maker.count
    return {
        **joined.report(),
        "server_cpu_ms": round(processor_ms, 2),
        "per_second": round(len(joined.durations) / seconds, 1),
    }


def _join_outcomes(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Return the times and failures of all clients together."""
    joined = Outcomes()
    for each in outcomes:
        joined.durations += each.durations
        joined.failures += each.failures
    return joined


def _measure_file(bench_index: BenchIndex, path: Path, maker: RecordMaker) -> dict[str, object]:
    """Time ``mpi ingest`` of a file, its start included."""
    rows = list(maker.make_rows(2))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    command = [sys.executable, "-m", "tests.bench.load", str(path), SOURCE]
    cost = measure_program(command, bench_index.environment)
    return {
        "seconds": round(cost.seconds, 1),
        "processor_s": round(cost.processor_s, 1),
        "peak_mb": json.loads(cost.printed)["peak_mb"],
    }


def wait_until_settled(bench_index: BenchIndex) -> float:
    """Wait until the worker has checked every purged block; return the seconds.

    Raises:
        TimeoutError: checks are due for too long.
    """
    began = time.monotonic()
    with bench_index.open() as index:
        while True:
            with index.database.read(make_operator()) as unit:
                if not unit.keys.purged_blocks.count_due(index.config_id(unit)):
                    return round(time.monotonic() - began, 1)
            if time.monotonic() - began > _SETTLED_WITHIN_S:
                raise TimeoutError("checks of purged blocks are due still")
            time.sleep(0.1)


def _read_peak_mb(pid: int) -> int:
    """Return the largest memory that a process has had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // _MB for line in lines if line.startswith("VmHWM"))
