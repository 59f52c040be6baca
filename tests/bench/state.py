"""A simulated state, and an index made of it by the commands that an operator would use."""

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

import httpx

from mpi.api.server.serve import listen
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.intake.reader import open_file
from mpi.service.core.index import Index

_PATIENCE_S = 120
_MB = 1024
_KINDS = {"ccwis": "ccwis", "district": "sis", "state_ssid": "state_id"}


@dataclass
class Made:
    """An index and what making it took.

    Args:
        home: its folder.
        url: its database; None for SQLite in the folder.
        key: API key of its first client.
        asked: how many records it was to have, and the folder of its model; empty for the default one.
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

    @property
    def environment(self) -> dict[str, str]:
        """What commands on this index need."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
        return mine | {"MPI_HOME": str(self.home)} | ({"MPI_DATABASE_URL": self.url} if self.url else {})

    @contextmanager
    def opened(self) -> Iterator[Index]:
        """The index, open in this process."""
        index = open_index(Settings(home=self.home, database_url=self.url, model=None, secret_file=None))
        try:
            yield index
        finally:
            index.database.dispose()

    def run(self, *arguments: str) -> tuple[str, float, int]:
        """Run a command: what it printed, seconds, and peak memory in MB."""
        return measured([sys.executable, "-m", "mpi", *arguments], self.environment)


def measured(command: list[str], environment: dict[str, str]) -> tuple[str, float, int]:
    """Run a program: what it printed, seconds from start to end, peak memory in MB.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[2:5]} failed with {process.returncode}")
    # Of the program, and of those that it began and waited for.
    return printed, time.perf_counter() - began, usage.ru_maxrss // _MB


def simulate(folder: Path, records: int, seed: int) -> float:
    """Write a state; returns the seconds that it took."""
    command = ["training", "simulate", "--out", str(folder), "--records", str(records), "--seed", str(seed)]
    return measured([sys.executable, "-m", *command], dict(os.environ))[1]


def make(state: Path, home: Path, url: str | None, model: Path | None = None) -> Made:
    """Make an index of a simulated state with ``mpi init`` and what ``mpi ingest`` does.

    Args:
        state: folder of the state.
        home: of the index.
        url: of its database; None for SQLite in the folder.
        model: folder of the model that it begins with; None for the default one.
    """
    made = Made(home, url, "")
    command = [sys.executable, "-m", "mpi", "init", "--test", "--json"]
    printed, _, _ = measured(command, made.environment | ({"MPI_MODEL": str(model)} if model else {}))
    made.key = printed.split('"api_key"')[1].split('"')[1]
    made.sources = tuple(sorted(path.stem for path in state.glob("*.csv") if path.stem != "truth"))
    for source in made.sources:
        kind = next((kind for name, kind in _KINDS.items() if source.startswith(name)), "other")
        made.run("source", "add", source, "--kind", kind)
    for source in made.sources:
        command = [sys.executable, "-m", "tests.bench.load", str(state / f"{source}.csv"), source]
        printed, seconds, _ = measured(command, made.environment)
        told = json.loads(printed)
        made.load_s += seconds
        made.peak_mb = max(made.peak_mb, told["peak_mb"])
        for step, spent in told["processor_s"].items():
            made.processor_s[step] = round(made.processor_s.get(step, 0.0) + spent, 1)
        with (state / f"{source}.csv").open(newline="", encoding="utf-8") as file:
            made.by_source[source] = sum(1 for _ in csv.reader(file)) - 1
    made.records = sum(made.by_source.values())
    return made


def keep(folder: Path, records: int, url: str | None = None, model: Path | None = None) -> Made:
    """A state in ``state`` of a folder and its index in ``index``: made, or taken from there (SQLite).

    Raises:
        SystemExit: what is there was made for another size, or with another model.
    """
    note, asked = folder / "made.json", (records, str(model or ""))
    if url is None and note.exists():
        told = json.loads(note.read_text())
        if tuple(told["asked"]) != asked:
            raise SystemExit(
                f"{folder} holds an index of {told['asked']}, not of {asked}: name another folder"
            )
        return Made(**{**told, "home": folder / "index", "sources": tuple(told["sources"]), "asked": asked})
    if not (folder / "state").exists():
        simulate(folder / "state", records, seed=1)
    made = make(folder / "state", folder / "index", url, model)
    made.asked = asked
    if url is None:
        note.write_text(json.dumps({**asdict(made), "home": ""}))
    return made


def copied(made: Made, home: Path) -> Made:
    """The same index in another folder, to be written to."""
    shutil.copytree(made.home, home)
    return replace(made, home=home)


def sent(state: Path, source: str) -> Iterator[dict[str, object]]:
    """The records of one source of a state, as they are sent."""
    for row in open_file(state / f"{source}.csv", None, None):
        yield dict(row.fields)  # type: ignore[union-attr]  # the simulator's files hold no bad row


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs.

    Args:
        port: where it answers.
        pid: of the process that supervises those that answer.
    """

    port: int
    pid: int

    def spent(self) -> float:
        """Processor seconds of all its processes so far."""
        return sum(_spent(pid) for pid in (self.pid, *_children(self.pid)))


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def _spent(pid: int) -> float:
    # After the name in brackets, which may hold anything; fields are numbered in proc(5) from 1.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(made: Made, workers: int) -> Iterator[Served]:
    """Serve the index from so many processes."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port), "--workers", str(workers)]
    server = subprocess.Popen(
        command, env=made.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield Served(port, server.pid)
    finally:
        server.terminate()
        server.wait()
