"""Benchmark of scopes: loads into scopes and their sync, beside one index for all sources.

``scripts/bench-scopes`` runs it and prints JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.simulated_index import run_measured, simulate

_SCHOOL_SOURCES = ("district", "state_ssid")


def main() -> int:
    """Measure loads, sync and single records with scopes and without."""
    parser = argparse.ArgumentParser(prog="scripts/bench-scopes", description=main.__doc__)
    parser.add_argument("--records", type=int, default=30_000, help="source records of the simulated state")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="folder of a simulated state; one is made by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mpi-bench-scopes-") as name:
        state = options.state or Path(name) / "state"
        if options.state is None:
            simulate(state, options.records, options.seed)
        sources = tuple(sorted(path.stem for path in state.glob("*.csv") if path.stem != "truth"))
        one_index = _Site(Path(name) / "one", state)
        figures: dict[str, object] = {"one_index": {"load_s": one_index.load("shared", sources)}}
        scoped = _Site(Path(name) / "scoped", state)
        for scope in ("education", "child_welfare"):
            scoped.run("scope", "add", scope)
        education = tuple(source for source in sources if source.startswith(_SCHOOL_SOURCES))
        others = tuple(source for source in sources if source not in education)
        figures["scopes"] = {
            "education_load_s": scoped.load("education", education),
            "child_welfare_load_s": scoped.load("child_welfare", others),
            "sync_s": scoped.run("scope", "sync"),
            "second_sync_s": scoped.run("scope", "sync"),
        }
        figures["same_partition"] = one_index.partition() == scoped.partition()
    print(json.dumps(figures, indent=1))
    return 0


class _Site:
    """A shared index with or without scopes, used by commands."""

    def __init__(self, home: Path, state: Path) -> None:
        self.home, self.state = home, state
        self.run("init", "--test")

    def run(self, *arguments: str, scope: str = "shared") -> float:
        """Run a command and return its seconds."""
        command = [sys.executable, "-m", "mpi", *arguments]
        return round(run_measured(command, self._environment(scope))[1], 1)

    def load(self, scope: str, sources: tuple[str, ...]) -> float:
        """Add sources to a scope, load their files, and return the seconds."""
        began = time.perf_counter()
        for source in sources:
            self.run("source", "add", source, scope=scope)
            self.run("ingest", str(self.state / f"{source}.csv"), "--source", source, scope=scope)
        return round(time.perf_counter() - began, 1)

    def partition(self) -> set[frozenset[str]]:
        """Return the partition of the shared index."""
        path = self.home / "crosswalk.csv"
        self.run("export", "crosswalk", "--out", str(path))
        persons: dict[str, set[str]] = {}
        for line in path.read_text().splitlines()[1:]:
            source, local_id, eid = line.split(",")[:3]
            persons.setdefault(eid, set()).add(f"{source},{local_id}")
        return {frozenset(records) for records in persons.values()}

    def _environment(self, scope: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
        return inherited | {"MPI_HOME": str(self.home), "MPI_SCOPE": scope}


if __name__ == "__main__":
    sys.exit(main())
