"""Benchmark whose figures docs/benchmarks.md shows; ``scripts/bench`` runs it and prints JSON."""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from tests.bench import (
    delta,
    dense,
    interfaces,
    large_person,
    online,
    recluster,
    scoring,
    settlement,
    simulated_index,
    splink_comparison,
)
from tests.bench.environment import advised_settings, machine, step
from tests.postgres import start_postgres

PARTS = ("load", "online", "delta", "scoring", "batch")
"""Parts that run by default; each needs the load."""
ON_REQUEST = ("beside", "interfaces", "dense", "settlement", "person")
"""Parts that run only when named; half a minute, or two at a million records."""
_STANDALONE = {"dense", "settlement", "person"}
"""Parts that need no simulated state."""
_CHANGING = {"online", "beside", "interfaces", "delta"}
"""Parts that write to the index."""


def main() -> int:
    """Measure what docs/benchmarks.md lists, on this machine."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=main.__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="source records of the simulated state")
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="sqlite")
    parser.add_argument("--parts", nargs="+", choices=PARTS + ON_REQUEST, default=PARTS)
    parser.add_argument("--calls", type=int, default=500, help="resolves timed with one client")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long eight clients keep at it")
    parser.add_argument(
        "--keep", type=Path, help="folder of the state, and of the SQLite index if made there"
    )
    parser.add_argument("--model", type=Path, help="folder of a model fitted for so many; the default one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that serve")
    arguments = parser.parse_args()
    print(json.dumps(bench(arguments), indent=1))
    return 0


def bench(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the requested parts on the requested stores."""
    began = time.perf_counter()
    results: dict[str, object] = {"machine": machine(), "workers": arguments.workers}
    with tempfile.TemporaryDirectory(prefix="mpi-bench-") as name:
        folder = Path(name)
        state_folder = arguments.keep or folder
        if set(arguments.parts) <= _STANDALONE:
            return results | _measure_standalone(arguments, folder)
        if not (state_folder / "state").exists():
            step(f"simulating {arguments.records:,} records")
            results["simulate_s"] = round(
                simulated_index.simulate(state_folder / "state", arguments.records, seed=1), 1
            )
        if _CHANGING & set(arguments.parts):
            simulated_index.simulate(
                folder / "fresh", max(arguments.records // 5, int(arguments.seconds * 2_000)), seed=2
            )
        stores = ("sqlite", "postgresql") if arguments.store == "both" else (arguments.store,)
        with start_postgres(**advised_settings()) if "postgresql" in stores else nullcontext() as server:
            for store in stores:
                url = server.url(server.new_database()) if store == "postgresql" else None
                results[store] = _measure_store(arguments, folder, store, url)
    return results | {"took_s": round(time.perf_counter() - began)}


def _measure_standalone(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Measure records that share their blocking keys, on each store."""
    stores = ("sqlite", "postgresql") if arguments.store == "both" else (arguments.store,)
    results: dict[str, object] = {}
    with start_postgres(**advised_settings()) if "postgresql" in stores else nullcontext() as server:
        for store in stores:
            measured: dict[str, object] = {}
            for name, part in (("dense", dense), ("settlement", settlement), ("person", large_person)):
                if name in arguments.parts:
                    step(f"{store}: {name}")
                    url = server.url(server.new_database()) if store == "postgresql" else None
                    measured[name] = part.measure(folder / f"{name}-{store}", url, arguments.workers)
            results[store] = measured
    return results


def _measure_store(
    arguments: argparse.Namespace, folder: Path, store: str, url: str | None
) -> dict[str, object]:
    step(f"{store}: from files to enterprise IDs")
    state_folder = arguments.keep or folder
    bench_index = (
        simulated_index.make_or_reuse(state_folder, arguments.records, url, arguments.model)
        if url is None
        else simulated_index.make(state_folder / "state", folder / store, url, arguments.model)
    )
    results: dict[str, object] = {
        "load": {
            "records": bench_index.records,
            "seconds": round(bench_index.load_s, 1),
            "per_second": round(bench_index.records / bench_index.load_s),
            "peak_mb": bench_index.peak_mb,
            "processor_s": bench_index.processor_s,
            "database_mb": round(sum(f.stat().st_size for f in bench_index.home.glob("mpi.db*")) / 1e6),
        }
    }
    if "batch" in arguments.parts:
        step(f"{store}: re-cluster")
        results["recluster"] = recluster.measure(bench_index)
    if "scoring" in arguments.parts and store == "sqlite":
        step("scoring, beside Splink")
        results["scoring"] = scoring.measure(bench_index)
    if arguments.keep is not None and url is None and _CHANGING & set(arguments.parts):
        bench_index = simulated_index.copy_index(bench_index, folder / store)
    if "online" in arguments.parts:
        step(f"{store}: over HTTP")
        results["http"] = online.measure(
            bench_index,
            state_folder / "state",
            folder / "fresh",
            arguments.calls,
            arguments.seconds,
            arguments.workers,
        )
    if "beside" in arguments.parts:
        step(f"{store}: over HTTP, in turn with Splink")
        results["beside_splink"] = splink_comparison.measure(
            bench_index, state_folder / "state", folder / "fresh", arguments.workers
        )
    if "interfaces" in arguments.parts:
        step(f"{store}: FHIR, Ed-Fi and the change feed over HTTP")
        results["interfaces"] = interfaces.measure(
            bench_index, state_folder / "state", folder / "fresh", arguments.workers
        )
    if "dense" in arguments.parts:
        step(f"{store}: records that share all keys")
        results["dense"] = dense.measure(folder / f"dense-{store}", None, arguments.workers)
    if "delta" in arguments.parts:
        step(f"{store}: one record in a hundred, a night later")
        results["delta"] = delta.measure(bench_index, state_folder / "state", folder / "fresh", folder)
    return results


if __name__ == "__main__":
    sys.exit(main())
