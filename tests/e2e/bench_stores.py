"""Cost of one record over HTTP on either store; ``scripts/bench-stores`` prints JSON.

``mpi serve`` runs in processes of its own; times are those of a client on the same machine, in milliseconds.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from mpi.api.server.serve import listen
from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.loads.load import LoadOptions, load
from mpi.service.statements.sources import NewSource, add_source
from tests.index import many_children, rows
from tests.postgres import start_postgres

CLIENT_COUNT = 8
STARTUP_TIMEOUT_S = 60


@contextmanager
def serving(home: Path, url: str | None, processes: int) -> Iterator[list[str]]:
    """Serve the index from several processes and yield their addresses."""
    ports = [free_port() for _ in range(processes)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    environment |= {"MPI_HOME": str(home)} | ({"MPI_DATABASE_URL": url} if url else {})
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "mpi", "serve"],
            env={**environment, "MPI_PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for port in ports
    ]
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for address in addresses:
            await_ready(address)
        yield addresses
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def free_port() -> int:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    return port


def await_ready(address: str) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while True:
        try:
            httpx.get(f"{address}/readyz").raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def time_calls(
    call: Callable[[dict[str, object]], None], children: list[dict[str, object]]
) -> dict[str, float]:
    """Call once for each child and return median and 99th percentile."""
    durations = []
    for child in children:
        began = time.perf_counter()
        call(child)
        durations.append((time.perf_counter() - began) * 1000)
    percentiles = statistics.quantiles(durations, n=100)
    return {"p50_ms": round(statistics.median(durations), 2), "p99_ms": round(percentiles[98], 2)}


def bench(home: Path, url: str | None, records: int, calls: int, processes: int) -> dict[str, object]:
    """Measure one store."""
    index, key = init_index(Settings(home=home, model=None, database_url=url, secret_file=None), is_test=True)
    for code in ("sis", "ccwis"):
        add_source(index, make_operator(), NewSource(code))
    loaded_children = many_children(records)
    began = time.perf_counter()
    load(index, make_operator(), "sis", rows(*loaded_children), LoadOptions())
    results: dict[str, object] = {"load_s": round(time.perf_counter() - began, 1)}
    index.database.dispose()
    with serving(home, url, processes) as addresses, ExitStack() as stack:
        clients = [
            stack.enter_context(
                httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
            )
            for address in itertools.islice(itertools.cycle(addresses), CLIENT_COUNT)
        ]

        def put(child: dict[str, object], client: httpx.Client = clients[0]) -> None:
            path = f"/v1/sources/ccwis/records/{child['local_id']}"
            client.put(path, json=child).raise_for_status()

        def look_up(child: dict[str, object]) -> None:
            parameters = {"source": "sis", "local_id": str(child["local_id"])}
            clients[0].get("/v1/crosswalk", params=parameters).raise_for_status()

        new_children = iter(many_children(4 * calls + 50, start=records))
        for child in itertools.islice(new_children, 50):
            put(child)
            look_up(loaded_children[0])
        results["put_new"] = time_calls(put, list(itertools.islice(new_children, calls)))
        results["put_linked"] = time_calls(
            put, [{**c, "local_id": f"x{c['local_id']}"} for c in loaded_children[:calls]]
        )
        results["look_up"] = time_calls(look_up, loaded_children[:calls])
        shares = [list(itertools.islice(new_children, calls // 4)) for _ in clients]

        def work(number: int) -> None:
            for child in shares[number]:
                put(child, clients[number])

        began = time.perf_counter()
        processor_before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        with ThreadPoolExecutor(CLIENT_COUNT) as pool:
            list(pool.map(work, range(CLIENT_COUNT)))
        seconds = time.perf_counter() - began
        results["put_per_second_8_clients"] = round(sum(map(len, shares)) / seconds, 1)
        results["client_cpu_share"] = round(
            (resource.getrusage(resource.RUSAGE_SELF).ru_utime - processor_before) / seconds, 2
        )
    return results


def main() -> int:
    """Measure both stores and print JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench-stores", description=main.__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    results: dict[str, object] = {
        "records": arguments.records,
        "processes": arguments.processes,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as folder, start_postgres() as server:
        sizes = (arguments.records, arguments.calls, arguments.processes)
        results["sqlite"] = bench(Path(folder) / "sqlite", None, *sizes)
        url = server.url(server.new_database())
        results["postgresql"] = bench(Path(folder) / "postgresql", url, *sizes)
    print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
