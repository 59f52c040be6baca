"""Time from a write with a provisional ID to the event that settles it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from urllib.parse import quote

from mpi.domain.viewer import make_operator
from mpi.service.maintenance.verify import verify
from tests.bench.dense import SOURCE, wait_until_settled
from tests.bench.http_client import Call, HttpClient, summarize
from tests.bench.simulated_index import BenchIndex, BenchServer, make_empty, serving

RATE = 100
"""Writes a second."""
SECONDS = 60
CLIENT_COUNT = 8
SENT, WITHDRAWN = 80, 20
"""Records of each block that are sent, and of those the ones that are withdrawn again.

So each block crosses the limit of 64 records twice.
"""
_POLL_S = 0.1
_SETTLED_WITHIN_S = 120


@dataclass(slots=True)
class Answers:
    """Answers to writes, by all clients.

    Args:
        pending_since: when each record was last answered as pending, by local ID, in seconds.
        lags: seconds from such an answer to the event that settles it.
        delays: milliseconds of each call.
        failures: number of calls by what they were answered with.
    """

    pending_since: dict[str, float] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, client: HttpClient, local_id: str, call: Call) -> None:
        """Send a write, and note whether its ID is provisional."""
        began = time.perf_counter()
        try:
            answer = client.send(call)
        except RuntimeError as error:
            self.failures[str(error)] += 1
            return
        answered = time.perf_counter()
        with self.lock:
            self.delays.append((answered - began) * 1000)
            if answer.get("pending"):
                self.pending_since.setdefault(local_id, began)
            elif answer.get("outcome") == "withdrawn":
                self.pending_since.pop(local_id, None)

    def settle(self, local_id: str) -> None:
        """Note the event that settles a record's ID."""
        with self.lock:
            began = self.pending_since.pop(local_id, None)
            if began is not None:
                self.lags.append(time.perf_counter() - began)


def iterate_writes(client: HttpClient) -> Iterator[tuple[str, Call]]:
    """Yield writes that make one block after the other too large, and small again."""
    for block in count():
        birth_date = f"{1990 + block // 300}-{1 + block // 25 % 12:02d}-{1 + block % 25:02d}"
        rows = [
            {
                "local_id": f"{birth_date}-{number}",
                "first_name": f"Pupil {number}",
                "last_name": "Sample",
                "birth_date": birth_date,
            }
            for number in range(SENT)
        ]
        for row in rows:
            yield str(row["local_id"]), client.put(SOURCE, row)
        for row in rows[:WITHDRAWN]:
            yield str(row["local_id"]), client.delete(SOURCE, str(row["local_id"]))
        last = rows[-1] | {"grade": "4"}
        yield str(last["local_id"]), client.put(SOURCE, last)


def measure(home: Path, url: str | None, workers: int, seconds: int = SECONDS) -> dict[str, object]:
    """Write 100 records a second into blocks that cross their limit; measure the lag.

    Args:
        home: folder of a new index.
        url: URL of its database; None for SQLite in the folder.
        workers: processes that serve.
        seconds: how long writes go on.
    """
    bench_index = make_empty(BenchIndex(home, url, ""), ("init", "--test"), None)
    bench_index.run("source", "add", SOURCE, "--kind", "other")
    answers = Answers()
    with serving(bench_index, workers) as server:
        stop = threading.Event()
        reader = threading.Thread(target=_read_events, args=(server, bench_index.key, answers, stop))
        reader.start()
        writes_per_second = _write_at_rate(server, bench_index.key, answers, seconds)
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while answers.pending_since and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        settled_after_s = wait_until_settled(bench_index)
        stop.set()
        reader.join()
    with bench_index.open() as index:
        findings = [finding.detail for finding in verify(index, make_operator())]
    lags = {name: value / 1000 for name, value in summarize([lag * 1000 for lag in answers.lags]).items()}
    return {
        "writes_per_second": writes_per_second,
        "writes": summarize(answers.delays),
        "failures": dict(answers.failures),
        "provisional": len(answers.lags),
        "lag_p50_s": round(lags["p50_ms"], 2),
        "lag_p99_s": round(lags["p99_ms"], 2),
        "longest_lag_s": round(max(answers.lags), 2),
        "never_settled": len(answers.pending_since),
        "checks_done_after_s": settled_after_s,
        "findings": findings,
    }


def _write_at_rate(server: BenchServer, key: str, answers: Answers, seconds: int) -> float:
    """Write at the rate from eight clients; return the writes a second that were reached."""
    builder = HttpClient(server.port, key)
    writes = list(islice(iterate_writes(builder), RATE * seconds))
    builder.close()
    began = time.perf_counter()

    def work(number: int) -> None:
        client = HttpClient(server.port, key)
        for place in range(number, len(writes), CLIENT_COUNT):
            time.sleep(max(0.0, began + place / RATE - time.perf_counter()))
            answers.send(client, *writes[place])
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENT_COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(len(writes) / (time.perf_counter() - began), 1)


def _read_events(server: BenchServer, key: str, answers: Answers, stop: threading.Event) -> None:
    """Read the event feed as a consumer does, and note which IDs it settles."""
    client, cursor = HttpClient(server.port, key), 0
    while not stop.is_set():
        page = client.send(client.get(f"/v1/events?after={quote(str(cursor))}&limit=1000"))
        cursor = page["cursor"]
        for event in page["events"]:
            if event["cause"] == "settled":
                answers.settle(event["local_id"])
        if not page["events"]:
            stop.wait(_POLL_S)
    client.close()
