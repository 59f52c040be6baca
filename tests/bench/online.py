"""Cost of one record, a look-up and eight concurrent clients over HTTP, on a served index."""

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from tests.bench.http_client import Call, HttpClient, run_concurrently, summarize, time_calls
from tests.bench.simulated_index import BenchIndex, BenchServer, read_records, serving

CLIENT_COUNT = 8
WARM_UP_CALLS = 100
LOOK_UP_COUNT = 2_000
KEYS_MERGED_WITHIN_S = 300
TARGET_SOURCE = "ccwis"
"""The source to which every record is sent."""


def measure(
    bench_index: BenchIndex, state: Path, fresh: Path, calls: int, seconds: float, workers: int
) -> dict[str, object]:
    """Measure every figure over HTTP.

    Args:
        bench_index: the index.
        state: the simulated state that it holds.
        fresh: another state, none of whose records it holds.
        calls: resolves to time with one client.
        seconds: how long eight clients keep calling.
        workers: processes that serve.
    """
    results: dict[str, object] = {}
    with serving(bench_index, workers) as server:
        results["keys_merged_s"] = wait_for_compaction(bench_index)
        clients = [HttpClient(server.port, bench_index.key) for _ in range(CLIENT_COUNT)]
        stream = resolves(clients[0], state, fresh)
        look_ups = _look_ups(clients[0], bench_index, state)
        for call in itertools.islice(stream, WARM_UP_CALLS * workers):
            clients[0].send(call)
        results["resolve"] = _measure_one_client(server, clients[0], itertools.islice(stream, calls))
        by_local_id, by_eid = look_ups
        results["look_up_by_local_id"] = _measure_one_client(
            server, clients[0], itertools.islice(by_local_id, LOOK_UP_COUNT)
        )
        results["look_up_by_eid"] = _measure_one_client(
            server, clients[0], itertools.islice(by_eid, LOOK_UP_COUNT)
        )
        shares = [itertools.islice(by_local_id, n, None, CLIENT_COUNT) for n in range(CLIENT_COUNT)]
        prepared_calls = [list(itertools.islice(share, 2_000)) for share in shares]
        results["look_up_8_clients"] = _measure_many_clients(
            server, clients, [itertools.cycle(each) for each in prepared_calls], min(seconds, 10)
        )
        most_calls = int(seconds * 100)
        writes = [list(itertools.islice(stream, most_calls)) for _ in clients]
        results["resolve_8_clients"] = _measure_many_clients(
            server, clients, [iter(each) for each in writes], seconds
        )
        results["look_up_while_loading"] = _look_up_while_loading(bench_index, fresh, clients[0], by_local_id)
        for client in clients:
            client.close()
    return results


def wait_for_compaction(bench_index: BenchIndex) -> float:
    """Wait until the server has compacted the key segments of the load; return the seconds.

    Raises:
        TimeoutError: the segments are not compacted in time.
    """
    began = time.monotonic()
    with bench_index.open() as index:
        while _count_uncompacted_rows(index):
            if time.monotonic() - began > KEYS_MERGED_WITHIN_S:
                raise TimeoutError(f"keys are in runs still after {KEYS_MERGED_WITHIN_S} s")
            time.sleep(0.1)
    return round(time.monotonic() - began, 1)


def _count_uncompacted_rows(index: Index) -> int:
    with index.database.read(make_operator()) as unit:
        return unit.keys.segments.count_uncompacted_rows()


def _measure_one_client(server: BenchServer, client: HttpClient, calls: Iterable[Call]) -> dict[str, float]:
    """Time the calls of one client, one after the other."""
    server_before, client_before = server.processor_seconds(), time.process_time()
    durations = time_calls(client, calls)
    return summarize(durations) | _processor_times(
        server.processor_seconds() - server_before, time.process_time() - client_before, len(durations)
    )


def _measure_many_clients(
    server: BenchServer, clients: Sequence[HttpClient], shares: Sequence[Iterator[Call]], seconds: float
) -> dict[str, float]:
    """Time the calls of all clients at once."""
    server_before, client_before = server.processor_seconds(), time.process_time()
    results = run_concurrently(clients, shares, seconds)
    return results | _processor_times(
        server.processor_seconds() - server_before, time.process_time() - client_before, int(results["calls"])
    )


def _processor_times(server: float, generator: float, calls: int) -> dict[str, float]:
    """Return processor milliseconds per call, without PostgreSQL's own processes."""
    return {
        "server_cpu_ms": round(server / calls * 1000, 3),
        "generator_cpu_ms": round(generator / calls * 1000, 3),
    }


def resolves(
    client: HttpClient, state: Path, fresh: Path, prefix: str = "", source: str = TARGET_SOURCE
) -> Iterator[Call]:
    """Yield upserts of new and known children in turn, each under a new local ID with a prefix."""
    new, known_records = read_records(fresh, "district_north"), read_records(state, "district_south")
    for number, (new_record, known_record) in enumerate(zip(new, known_records, strict=False)):
        yield client.put(source, {**new_record, "local_id": f"{prefix}new-{number}"})
        yield client.put(source, {**known_record, "local_id": f"{prefix}known-{number}"})


def _look_ups(
    client: HttpClient, bench_index: BenchIndex, state: Path
) -> tuple[Iterator[Call], Iterator[Call]]:
    """Return endless reads of the crosswalk of random records, by local ID and by enterprise ID."""
    records = list(itertools.islice(read_records(state, "district_north"), 20_000))
    random.Random(1).shuffle(records)
    paths = [f"/v1/crosswalk?source=district_north&local_id={record['local_id']}" for record in records]
    eids = [str(client.send(client.get(path))["enterprise_id"]) for path in paths[:500]]
    return (
        itertools.cycle([client.get(path) for path in paths]),
        itertools.cycle([client.get(f"/v1/persons/{eid}") for eid in eids]),
    )


def _look_up_while_loading(
    bench_index: BenchIndex, fresh: Path, client: HttpClient, look_ups: Iterator[Call]
) -> dict[str, object]:
    """Time look-ups from the start of a load of one file to its end."""
    command = [sys.executable, "-m", "mpi", "ingest", str(fresh / "state_ssid.csv"), "--source", "state_ssid"]
    durations: list[float] = []
    with subprocess.Popen(
        [*command, "--confirm"],
        env=bench_index.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as load:
        while load.poll() is None:
            durations += time_calls(client, itertools.islice(look_ups, 20))
    return {**summarize(durations), "longest_ms": round(max(durations), 1), "load_exit": load.returncode}
