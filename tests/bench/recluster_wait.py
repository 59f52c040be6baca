"""Time that a writer waits while a large re-cluster is applied; ``scripts/bench-epoch`` prints JSON.

The index holds children with three records each, which one model links and a stricter one parts. While ``mpi
recluster --apply`` puts the stricter model in force, another process asks for the writer's lock again and
again and upserts: every fourth time a record of one of those children, else one of a new child.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Event
from pathlib import Path

from mpi.bootstrap import open_index
from mpi.composition.models import load_matcher, open_matcher
from mpi.config import Settings
from mpi.domain.errors import ModelMovedError
from mpi.domain.viewer import make_operator
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.run_executor import list_runs
from mpi.service.records.upsert import upsert
from tests.bench.environment import machine, step
from tests.bench.simulated_index import run_measured
from tests.index import load_rows, make_child, open_test_index
from tests.models import tiny_model
from tests.postgres import start_postgres

RECORDS_PER_CHILD = 3
"""Records of a child: parting them changes the person of all but one."""
CHILDREN_PER_LOAD = 25_000
"""Children loaded at once."""
STRICTER_THRESHOLD = 17.0
FIRST_NEW_CHILD = 10_000_000
PAUSE_S = 0.02
SYNCS, COMMIT_BYTES = 4_000, 160_000


def main() -> int:
    """Apply a re-cluster with the given number of changes, and measure how long other writers wait."""
    parser = argparse.ArgumentParser(prog="scripts/bench-epoch", description=main.__doc__)
    parser.add_argument("--changes", type=int, default=200_000, help="records that change person")
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    arguments = parser.parse_args()
    results: dict[str, object] = {"machine": machine(), "changes": arguments.changes}
    stores = ("sqlite", "postgresql") if arguments.store == "both" else (arguments.store,)
    with start_postgres() if "postgresql" in stores else nullcontext() as server:
        for store in stores:
            with tempfile.TemporaryDirectory(prefix="mpi-bench-epoch-") as folder:
                url = server.url(server.new_database()) if store == "postgresql" else None
                results[store] = _measure_store(Path(folder), store, url, arguments.changes)
    print(json.dumps(results, indent=1))
    return 0


def _measure_store(folder: Path, store: str, url: str | None, changes: int) -> dict[str, object]:
    children = -(-changes // (RECORDS_PER_CHILD - 1))
    settings = Settings(home=folder / "home", model=None, database_url=url, secret_file=None)
    step(f"{store}: loading {children * RECORDS_PER_CHILD:,} records")
    with open_test_index(folder / "home", "sis", "ccwis", database_url=url) as index:
        for first in range(0, children, CHILDREN_PER_LOAD):
            numbers = range(first, min(first + CHILDREN_PER_LOAD, children))
            load_rows(index, "sis", *(record for number in numbers for record in _child(number)))
    # The load is not measured: let the system write it out now, and not a minute into the re-cluster.
    os.sync()
    stricter = tiny_model(folder / "stricter", version="2", link=STRICTER_THRESHOLD)
    step(f"{store}: the disk by itself")
    disk = _measure_disk(folder)
    context = multiprocessing.get_context("spawn")
    ready, is_finished = context.Event(), context.Event()
    results = context.Queue()
    writer = context.Process(target=_write_repeatedly, args=(settings, ready, is_finished, results))
    step(f"{store}: applying {changes:,} changes")
    writer.start()
    ready.wait()
    environment = {"MPI_HOME": str(folder / "home")} | ({"MPI_DATABASE_URL": url} if url else {})
    command = [sys.executable, "-m", "mpi", "recluster", "--apply", "--model", str(stricter), "--json"]
    printed, seconds, peak = run_measured(command, environment)
    is_finished.set()
    waits = results.get()
    writer.join()
    index = replace(open_index(settings), matcher=open_matcher(str(stricter)))
    try:
        [run] = list_runs(index, make_operator())
        step(f"{store}: verifying")
        findings = verify(index, make_operator())
    finally:
        index.database.dispose()
    return {
        "records": children * RECORDS_PER_CHILD,
        "disk_by_itself": disk,
        "moved": run.moved,
        "planned": json.loads(printed)["moved"],
        "seconds": round(seconds, 1),
        "peak_mb": peak,
        **waits,
        "findings_afterwards": len(findings),
    }


def _child(number: int) -> list[dict[str, object]]:
    """Return records that agree in names and birth date, and in nothing else."""
    word = ""
    remainder = number * 7919 + 13
    for _ in range(6):
        remainder, digit = divmod(remainder, 26)
        word += chr(ord("a") + digit)
    return [
        make_child(
            f"r{number}-{each}",
            first_name=word,
            last_name=word[::-1] + "son",
            birth_date=f"20{5 + number % 15:02}-{1 + number // 15 % 12:02}-{1 + number // 180 % 28:02}",
            postal_code=None,
            sex=None,
        )
        for each in range(RECORDS_PER_CHILD)
    ]


@dataclass
class _Timer:
    """Milliseconds of each timed action."""

    taken: list[float] = field(default_factory=list)

    def add(self, began: float) -> None:
        self.taken.append((time.perf_counter() - began) * 1000)

    def figures(self) -> dict[str, float]:
        ordered = sorted(self.taken)
        return {
            "times": len(ordered),
            "p50_ms": round(statistics.median(ordered), 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
            "p999_ms": round(ordered[int(len(ordered) * 0.999)], 1),
            "longest_ms": round(ordered[-1], 1),
            "over_50_ms": sum(taken > 50 for taken in ordered),
        }


def _measure_disk(folder: Path) -> dict[str, float]:
    """Return milliseconds of a bare append and sync of as many bytes as a commit writes.

    No store on this disk can make a commit faster than that.
    """
    times, content = _Timer(), os.urandom(COMMIT_BYTES)
    with (folder / "appended").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(content)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.add(began)
            time.sleep(PAUSE_S / 2)
    return times.figures()


def _write_repeatedly(
    settings: Settings, ready: Event, is_finished: Event, results: "multiprocessing.Queue[object]"
) -> None:
    """Take the writer's lock and upsert, first alone and then during the re-cluster."""
    index, number = open_index(settings), 0
    alone, contended = (_Timer(), _Timer()), (_Timer(), _Timer())
    until = time.monotonic() + 10
    while not is_finished.is_set():
        waits, upserts = alone if time.monotonic() < until else contended
        if waits is contended[0]:
            ready.set()
        began = time.perf_counter()
        with index.database.write(make_operator(), "probe") as unit:
            unit.configs.active_config()  # a transaction begins with its first statement
            waits.add(began)
        time.sleep(PAUSE_S)
        number += 1
        began = time.perf_counter()
        try:
            child = number if number % 4 == 0 else FIRST_NEW_CHILD + number
            upsert(index, make_operator(), "ccwis", _child(child)[0] | {"local_id": f"w{number}"})
        except ModelMovedError:
            with index.database.read(make_operator()) as unit:
                active = unit.configs.active_config()
            index = replace(
                index, matcher=load_matcher(settings, f"{active.model_name}/{active.model_version}")
            )
            continue
        upserts.add(began)
        time.sleep(PAUSE_S)
    results.put(
        {
            "alone": {"wait": alone[0].figures(), "upsert": alone[1].figures()},
            "beside": {"wait": contended[0].figures(), "upsert": contended[1].figures()},
        }
    )
    index.database.dispose()


if __name__ == "__main__":
    sys.exit(main())
