"""Benchmark of scopes beside one index for all sources, in one run with Splink's search.

Each file is loaded into one index, and into the scope of its agency, which the shared index follows. The two
loads of a file follow each other, because the speed of a busy machine may change by half within minutes.
``scripts/bench-scopes`` runs it and prints JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.bench import scopes_online
from tests.bench.environment import advised_settings, machine, step
from tests.bench.simulated_index import (
    BenchIndex,
    list_sources,
    load_sources,
    make_empty,
    measure_program,
    simulate,
)
from tests.postgres import start_postgres

PARTS = ("sync", "follow", "online")
SCHOOL_SOURCES = ("district", "state_ssid")
SCOPES = ("education", "child_welfare")


def main() -> int:
    """Measure loads, sync and single records with scopes and without."""
    parser = argparse.ArgumentParser(prog="scripts/bench-scopes", description=main.__doc__)
    parser.add_argument("--records", type=int, default=30_000, help="source records of the simulated state")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="folder of a simulated state; one is made by default")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long eight clients keep at it")
    parser.add_argument("--model", type=Path, help="folder of a model fitted for so many; the default one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that serve")
    parser.add_argument("--folder", type=Path, help="where temporary files are made")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="mpi-bench-scopes-", dir=options.folder) as name,
        start_postgres(**advised_settings()) if options.store == "postgresql" else nullcontext() as server,
    ):
        print(json.dumps(_measure(options, Path(name), server), indent=1))
    return 0


def _measure(options: argparse.Namespace, folder: Path, server) -> dict[str, object]:
    """Run the requested parts."""
    state = options.state or folder / "state"
    if options.state is None:
        step(f"simulating {options.records:,} records")
        simulate(state, options.records, options.seed)

    def new_url() -> str | None:
        return None if server is None else server.url(server.new_database())

    figures: dict[str, object] = {"machine": machine()}
    one = make_empty(BenchIndex(folder / "one", new_url(), ""), ("init", "--test"), options.model)
    secret = one.home / "secret.key"
    if "follow" in options.parts:
        step("both scopes at once, while the shared index follows")
        site = Site.make(folder / "followed", new_url(), options.model, secret)
        figures["scopes_at_once"] = site.load_at_once(state)
        shutil.rmtree(folder / "followed")
    step("each file into one index and into its scope, then a sync")
    site = Site.make(folder / "scoped", new_url(), options.model, secret)
    figures |= site.load_in_turn(state, one)
    figures["same_partition"] = _partition(one) == _partition(site.shared)
    if "online" in options.parts:
        step("single records, in turn with Splink")
        fresh = folder / "fresh"
        simulate(fresh, max(options.records // 5, int(options.seconds * 4_000)), options.seed + 1)
        figures["online"] = scopes_online.measure(
            one,
            site.scopes["education"],
            site.following,
            scopes_online.Workload(state, fresh, options.seconds, options.workers),
        )
    return figures


@dataclass(frozen=True, slots=True)
class Site:
    """A shared index with the scopes of two agencies, used by commands.

    Args:
        shared: the shared index.
        scopes: the index of each scope.
    """

    shared: BenchIndex
    scopes: dict[str, BenchIndex]

    @classmethod
    def make(cls, home: Path, url: str | None, model: Path | None, secret: Path) -> "Site":
        """Make a shared index with empty scopes.

        Equal weights are ranked by keyed hashes, so only indexes of one secret have the same partition.
        """
        home.mkdir(parents=True)
        shutil.copy(secret, home)
        shared = make_empty(BenchIndex(home, url, ""), ("init", "--test"), model)
        return cls(
            shared,
            {
                code: make_empty(BenchIndex(home, url, "", scope=code), ("scope", "add", code), model)
                for code in SCOPES
            },
        )

    def load(self, code: str, state: Path) -> None:
        """Load the files of one agency into its scope."""
        sources = tuple(source for source in list_sources(state) if _scope_of(source) == code)
        load_sources(self.scopes[code], state, sources)

    def load_in_turn(self, state: Path, one: BenchIndex) -> dict[str, object]:
        """Load each file into an index of all sources and into its scope, then sync.

        Args:
            state: the simulated state.
            one: the index of all sources, still empty.

        Returns:
            The cost of the loads and of the sync, and the ratio of their processor seconds.
        """
        for number, source in enumerate(list_sources(state)):
            pair = (one, self.scopes[_scope_of(source)])
            for bench_index in pair if number % 2 == 0 else reversed(pair):
                load_sources(bench_index, state, (source,))
        cost = measure_program(
            [sys.executable, "-m", "mpi", "scope", "sync", "--json"], self.shared.environment
        )
        sync = {
            "taken_over": json.loads(cost.printed),
            "seconds": round(cost.seconds, 1),
            "processor_s": round(cost.processor_s, 1),
            "peak_mb": cost.peak_mb,
        }
        _, second_sync_s, _ = self.shared.run("scope", "sync")
        loads_s = sum(scope.program_s for scope in self.scopes.values())
        return {
            "one_index": _describe_load(one),
            "scopes_in_turn": {
                "loads": {code: _describe_load(scope) for code, scope in self.scopes.items()},
                "sync": sync,
                "second_sync_s": round(second_sync_s, 1),
            },
            "loads_compared_with_one_index": round(loads_s / one.program_s, 3),
            "loads_and_sync_compared_with_one_index": round((loads_s + cost.processor_s) / one.program_s, 3),
        }

    def load_at_once(self, state: Path) -> dict[str, float]:
        """Load both scopes at once while the shared index follows; return the seconds of all."""
        began = time.perf_counter()
        with self.following():
            threads = [threading.Thread(target=self.load, args=(code, state)) for code in SCOPES]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            loads_s = time.perf_counter() - began
            scopes_online.wait_for_sync(self.shared, list(self.scopes.values()))
            all_s = time.perf_counter() - began
        return {"loads_s": round(loads_s, 1), "loads_and_sync_s": round(all_s, 1)}

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let the shared index follow the scopes meanwhile."""
        command = [sys.executable, "-m", "mpi", "scope", "sync", "--follow"]
        with subprocess.Popen(
            command, env=self.shared.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield
            finally:
                process.terminate()


def _scope_of(source: str) -> str:
    """Return the scope of a source."""
    return "education" if source.startswith(SCHOOL_SOURCES) else "child_welfare"


def _describe_load(bench_index: BenchIndex) -> dict[str, object]:
    """Return the cost of the loads into an index."""
    return {
        "records": bench_index.records,
        "seconds": round(bench_index.load_s, 1),
        "processor_s": round(bench_index.program_s, 1),
        "peak_mb": bench_index.peak_mb,
    }


def _partition(bench_index: BenchIndex) -> set[frozenset[str]]:
    """Return the partition of an index."""
    path = bench_index.home / "crosswalk.csv"
    bench_index.run("export", "crosswalk", "--out", str(path))
    persons: dict[str, set[str]] = {}
    for line in path.read_text().splitlines()[1:]:
        source, local_id, eid = line.split(",")[:3]
        persons.setdefault(eid, set()).add(f"{source},{local_id}")
    return {frozenset(records) for records in persons.values()}


if __name__ == "__main__":
    sys.exit(main())
