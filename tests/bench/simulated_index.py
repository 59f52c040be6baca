"""Simulated state, and an index that an operator's commands make of it."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import httpx

from mpi.api.server.serve import listen
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.source import SHARED_SCOPE
from mpi.intake.reader import open_file
from mpi.service.core.index import Index

_PATIENCE_S = 120
_MB = 1024
_KINDS = {"ccwis": "ccwis", "district": "sis", "state_ssid": "state_id"}


@dataclass
class BenchIndex:
    """An index and the cost of making it.

    Args:
        home: its folder.
        url: its database; None for SQLite in the folder.
        key: API key of its first client.
        asked: requested record count, and the folder of its model; empty for the default model.
        scope: code of the scope whose records it holds.
        program_s: processor seconds of all programs that loaded files, their start included.
    """

    home: Path
    url: str | None
    key: str
    load_s: float = 0.0
    peak_mb: int = 0
    processor_s: dict[str, float] = field(default_factory=dict)
    records: int = 0
    sources: tuple[str, ...] = ()
    by_source: dict[str, int] = field(default_factory=dict)
    asked: tuple[int, str] = (0, "")
    scope: str = SHARED_SCOPE
    program_s: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that commands on this index need.

        A benchmark searches more often than a client may.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
        unlimited = dict.fromkeys(("MPI_SEARCHES_PER_MINUTE", "MPI_SEARCHES_PER_CHILD"), "1000000")
        database = {"MPI_DATABASE_URL": self.url} if self.url else {}
        return inherited | unlimited | {"MPI_HOME": str(self.home), "MPI_SCOPE": self.scope} | database

    @contextmanager
    def open(self) -> Iterator[Index]:
        """Open the index in this process."""
        settings = Settings(
            home=self.home, database_url=self.url, model=None, secret_file=None, scope=self.scope
        )
        index = open_index(settings)
        try:
            yield index
        finally:
            index.database.dispose()

    def run(self, *arguments: str) -> tuple[str, float, int]:
        """Run a command: return its output, seconds, and peak memory in MB."""
        return run_measured([sys.executable, "-m", "mpi", *arguments], self.environment)


class ProgramCost(NamedTuple):
    """Output and cost of a program that has ended, with the children that it waited for."""

    printed: str
    seconds: float
    processor_s: float
    peak_mb: int


def run_measured(command: list[str], environment: dict[str, str]) -> tuple[str, float, int]:
    """Run a program: return its output, its seconds, and its peak memory in MB.

    Raises:
        RuntimeError: the program failed.
    """
    cost = measure_program(command, environment)
    return cost.printed, cost.seconds, cost.peak_mb


def measure_program(command: list[str], environment: dict[str, str]) -> ProgramCost:
    """Run a program and return its output and cost.

    Raises:
        RuntimeError: the program failed.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[2:5]} failed with {process.returncode}")
    seconds = time.perf_counter() - began
    return ProgramCost(printed, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // _MB)


def simulate(folder: Path, records: int, seed: int) -> float:
    """Write a simulated state; return the seconds."""
    command = ["training", "simulate", "--out", str(folder), "--records", str(records), "--seed", str(seed)]
    return run_measured([sys.executable, "-m", *command], dict(os.environ))[1]


def make(state: Path, home: Path, url: str | None, model: Path | None = None) -> BenchIndex:
    """Make an index of a simulated state with ``mpi init`` and ``mpi ingest``.

    Args:
        state: folder of the state.
        home: folder of the index.
        url: URL of its database; None for SQLite in the folder.
        model: folder of its first model; None for the default model.
    """
    bench_index = make_empty(BenchIndex(home, url, ""), ("init", "--test"), model)
    load_sources(bench_index, state, list_sources(state))
    return bench_index


def make_empty(bench_index: BenchIndex, command: tuple[str, ...], model: Path | None) -> BenchIndex:
    """Return a new index after the command that makes it, with the key of its first client."""
    shared = replace(bench_index, scope=SHARED_SCOPE)
    chosen_model = {"MPI_MODEL": str(model)} if model else {}
    arguments = [sys.executable, "-m", "mpi", *command, "--json"]
    printed, _, _ = run_measured(arguments, shared.environment | chosen_model)
    return replace(bench_index, key=printed.split('"api_key"')[1].split('"')[1])


def list_sources(state: Path) -> tuple[str, ...]:
    """Return the sources of a simulated state."""
    return tuple(sorted(path.stem for path in state.glob("*.csv") if path.stem not in ("truth", "caseload")))


def load_sources(bench_index: BenchIndex, state: Path, sources: tuple[str, ...]) -> None:
    """Add sources of a simulated state to an index and load their files, with the cost of each phase."""
    bench_index.sources += sources
    for source in sources:
        kind = next((kind for name, kind in _KINDS.items() if source.startswith(name)), "other")
        bench_index.run("source", "add", source, "--kind", kind)
    for source in sources:
        command = [sys.executable, "-m", "tests.bench.load", str(state / f"{source}.csv"), source]
        cost = measure_program(command, bench_index.environment)
        report = json.loads(cost.printed)
        bench_index.load_s += cost.seconds
        bench_index.program_s += cost.processor_s
        bench_index.peak_mb = max(bench_index.peak_mb, report["peak_mb"])
        for step, spent in report["processor_s"].items():
            bench_index.processor_s[step] = round(bench_index.processor_s.get(step, 0.0) + spent, 1)
        with (state / f"{source}.csv").open(newline="", encoding="utf-8") as file:
            bench_index.by_source[source] = sum(1 for _ in csv.reader(file)) - 1
    bench_index.records = sum(bench_index.by_source.values())


def make_or_reuse(
    folder: Path, records: int, url: str | None = None, model: Path | None = None
) -> BenchIndex:
    """Return a state and its index in a folder, bench_index now or reused (SQLite only).

    Raises:
        SystemExit: the folder holds an index of another size or model.
    """
    note, parameters = folder / "made.json", (records, str(model or ""))
    if url is None and note.exists():
        stored = json.loads(note.read_text())
        if tuple(stored["asked"]) != parameters:
            raise SystemExit(
                f"{folder} holds an index of {stored['asked']}, not of {parameters}: name another folder"
            )
        return BenchIndex(
            **{**stored, "home": folder / "index", "sources": tuple(stored["sources"]), "asked": parameters}
        )
    if not (folder / "state").exists():
        simulate(folder / "state", records, seed=1)
    bench_index = make(folder / "state", folder / "index", url, model)
    bench_index.asked = parameters
    if url is None:
        note.write_text(json.dumps({**asdict(bench_index), "home": ""}))
    return bench_index


def copy_index(bench_index: BenchIndex, home: Path) -> BenchIndex:
    """Copy the index to another folder, for a part that writes."""
    shutil.copytree(bench_index.home, home)
    return replace(bench_index, home=home)


def read_records(state: Path, source: str) -> Iterator[dict[str, object]]:
    """Yield the records of one source of a state, as they are sent."""
    for row in open_file(state / f"{source}.csv", None, None):
        yield dict(row.fields)  # type: ignore[union-attr]  # the simulator's files hold no bad row


@dataclass(frozen=True, slots=True)
class BenchServer:
    """A running server.

    Args:
        port: the port at which it answers.
        pid: process that supervises the workers.
    """

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Return the processor seconds of all its processes so far."""
        return sum(_processor_seconds(pid) for pid in (self.pid, *_children(self.pid)))


def list_process_tree(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *_children(pid)]


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def _processor_seconds(pid: int) -> float:
    # The fields follow the name in brackets, which may hold anything; proc(5) numbers them from 1.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(bench_index: BenchIndex, workers: int) -> Iterator[BenchServer]:
    """Serve the index from the given number of processes."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port), "--workers", str(workers)]
    server = subprocess.Popen(
        command, env=bench_index.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield BenchServer(port, server.pid)
    finally:
        server.terminate()
        server.wait()
