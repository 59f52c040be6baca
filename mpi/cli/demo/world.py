"""The demo's state: simulated, loaded and resolved into a test index of its own."""

import csv
import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mpi import __version__
from mpi.bootstrap import init_index, open_index
from mpi.config import Settings
from mpi.domain.errors import ConflictError
from mpi.domain.snapshot import Snapshot
from mpi.domain.source_kind import SourceKind
from mpi.domain.viewer import make_operator
from mpi.intake.reader import open_file
from mpi.matching.model.model import find_model, load_model
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.load import LoadOptions, load
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.migrate import latest_revision
from training.simulate.files.output import save_population
from training.simulate.simulation import simulate
from training.simulate.sources.rosters import Source

SEED = 1
_MARKER_NAME = ".mpi-demo"
SOURCES = {
    Source.STATE: ("State student IDs", "Department of Education", SourceKind.STATE_ID),
    Source.NORTH: ("North District SIS", "North School District", SourceKind.SIS),
    Source.SOUTH: ("South District SIS", "South School District", SourceKind.SIS),
    Source.CCWIS: ("Child welfare (CCWIS)", "Child Welfare Agency", SourceKind.CCWIS),
}
"""Name, agency and kind of each source, in the order in which they are loaded."""


@dataclass(frozen=True, slots=True)
class SourceLoad:
    """One source's receipt and how long it took, from file to enterprise IDs."""

    source: str
    counts: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class SimulationTruth:
    """Who each simulated record is; the index never sees it."""

    person: dict[tuple[str, str], str]
    tags: dict[tuple[str, str], frozenset[str]]


@dataclass(slots=True)
class DemoBuild:
    """What making the state measured."""

    records: int
    made_with: str
    simulate_seconds: float
    loads: list[SourceLoad] = field(default_factory=list)

    @property
    def index_seconds(self) -> float:
        """Seconds from files to enterprise IDs, all sources."""
        return sum(loaded.seconds for loaded in self.loads)


def create_settings(folder: Path) -> Settings:
    """The demo's own index, whatever the environment says of another."""
    return Settings(home=folder / "index", database_url=None, model=None, secret_file=None)


def build_demo(folder: Path, records: int, progress: Progress) -> DemoBuild:
    """Simulate, load and resolve into a folder, in the place of whatever demo was there.

    Raises:
        ConflictError: the folder holds something else, or another demo is being made in it.
    """
    with _lock_folder(folder):
        return _build_in_folder(folder, records, progress)


def _build_in_folder(folder: Path, records: int, progress: Progress) -> DemoBuild:
    started = time.perf_counter()
    save_population(simulate(records=records, seed=SEED), folder / "state")
    build = DemoBuild(records, _describe_versions(), time.perf_counter() - started)
    index, key = init_index(create_settings(folder), is_test=True)
    try:
        _save_key(folder, key)
        for source, (name, agency, kind) in SOURCES.items():
            add_source(index, make_operator(), NewSource(source, name, agency, kind))
            build.loads.append(_load_source(index, folder, source, progress))
    finally:
        index.database.dispose()
    (folder / "making.json").write_text(json.dumps(asdict(build)))
    return build


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Empty a folder of an earlier demo, whole or half made, and keep other demos out of it meanwhile."""
    mark = folder / _MARKER_NAME
    if folder.exists() and not mark.exists() and any(folder.iterdir()):
        raise ConflictError(
            f"{folder} was not made by mpi demo and is left as it is: remove it, or give another --folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with mark.open("w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another demo is being made in {folder}: wait for it, or give another --folder"
            ) from error
        _empty_folder(folder)
        yield


def _empty_folder(folder: Path) -> None:
    """Empty the folder but for its mark: a demo that is cut short while it is cleared is still one."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _MARKER_NAME:
            entry.unlink()


def _load_source(index: Index, folder: Path, source: Source, progress: Progress) -> SourceLoad:
    started = time.perf_counter()
    rows = open_file(folder / "state" / f"{source}.csv", None, None)
    receipt = load(
        index,
        make_operator(),
        source,
        rows,
        LoadOptions(Snapshot.FULL, digest=rows.digest()),
        lambda step, done, total: progress(f"{source}: {step}", done, total),
    )
    return SourceLoad(str(source), receipt.counts, time.perf_counter() - started)


def _save_key(folder: Path, key: str) -> None:
    path = folder / "api-key"
    path.touch(mode=0o600)
    path.write_text(key + "\n")


def read_build(folder: Path, records: int) -> DemoBuild | None:
    """What making this demo measured, if it is there whole."""
    try:
        values = json.loads((folder / "making.json").read_text())
    except (OSError, ValueError):
        return None
    if values.get("records") != records or values.get("made_with") != _describe_versions():
        return None
    return DemoBuild(**{**values, "loads": [SourceLoad(**load) for load in values["loads"]]})


def _describe_versions() -> str:
    """The program, its schema and the model: a demo of others is made anew."""
    return f"{__version__} {latest_revision()} {load_model(find_model()).digest}"


@contextmanager
def open_demo_index(folder: Path) -> Iterator[Index]:
    """The demo's index."""
    index = open_index(create_settings(folder))
    try:
        yield index
    finally:
        index.database.dispose()


def read_truth(folder: Path) -> SimulationTruth:
    """Who is who, as simulated."""
    person: dict[tuple[str, str], str] = {}
    tags: dict[tuple[str, str], frozenset[str]] = {}
    with (folder / "state" / "truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = row["source"], row["local_id"]
            person[record] = row["person_id"]
            tags[record] = frozenset(row["tags"].split("|"))
    return SimulationTruth(person, tags)
