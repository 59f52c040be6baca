"""Simulated state of the demo, loaded into a test index."""

import csv
import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from mpi import __version__
from mpi.bootstrap import init_index, init_scope, open_index
from mpi.cli.demo.agreement import register_agreement
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import SHARED_SCOPE, SourceKind
from mpi.domain.viewer import SecondApprover, make_operator
from mpi.intake.reader import open_file
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.load import LoadOptions, load
from mpi.service.quality.publication import publish_figures
from mpi.service.scopes.registry import register_scope
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.migrate import SCHEMA_REVISION
from training.simulate.files.output import save_population
from training.simulate.simulation import simulate
from training.simulate.sources.rosters import SourceSystem

SEED = 1
_MARKER_NAME = ".mpi-demo"
SOURCES = {
    SourceSystem.STATE: ("State student IDs", "Department of Education", SourceKind.STATE_ID),
    SourceSystem.NORTH: ("North District SIS", "North School District", SourceKind.SIS),
    SourceSystem.SOUTH: ("South District SIS", "South School District", SourceKind.SIS),
    SourceSystem.CCWIS: ("Child welfare (CCWIS)", "Child Welfare Agency", SourceKind.CCWIS),
}
"""Name, agency and kind of each source, in loading order."""
SCOPES = {
    "education": ("Schools", (SourceSystem.STATE, SourceSystem.NORTH, SourceSystem.SOUTH)),
    "child_welfare": ("Child welfare", (SourceSystem.CCWIS,)),
}
"""Name and sources of each agency's scope."""


@dataclass(frozen=True, slots=True)
class SourceLoad:
    """Row counts and seconds of loading one source into the demo's index."""

    source: str
    counts: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class SimulationTruth:
    """True person and tags of each simulated record, hidden from the index."""

    person: dict[tuple[str, str], str]
    tags: dict[tuple[str, str], frozenset[str]]


@dataclass(slots=True)
class DemoBuild:
    """Figures of building the demo's index, such as loads and times."""

    records: int
    made_with: str
    simulate_seconds: float
    loads: list[SourceLoad] = field(default_factory=list)
    link_seconds: float = 0.0

    @property
    def index_seconds(self) -> float:
        """Seconds from source files to enterprise IDs of the shared index."""
        return sum(load.seconds for load in self.loads) + self.link_seconds


def create_settings(folder: Path) -> Settings:
    """Create the settings of the demo's own index, whatever the environment says."""
    return Settings(
        home=folder / "index",
        database_url=None,
        model=None,
        secret_file=None,
        scope=SHARED_SCOPE,
        second_approver=SecondApprover.NEVER,
    )


def build_demo(folder: Path, records: int, progress: Progress) -> DemoBuild:
    """Simulate, load and match a state's records, replacing an earlier demo.

    Raises:
        ConflictError: the folder holds something else, or another demo is being built in it.
    """
    with _lock_folder(folder):
        return _build_in_folder(folder, records, progress)


def _build_in_folder(folder: Path, records: int, progress: Progress) -> DemoBuild:
    """Simulate and load all sources of the demo in an empty folder."""
    started = time.perf_counter()
    save_population(simulate(records=records, seed=SEED), folder / "state")
    build = DemoBuild(records, _describe_versions(), time.perf_counter() - started)
    index, key = init_index(create_settings(folder), is_test=True)
    try:
        _save_key(folder, key)
        for scope in SCOPES:
            _build_scope(index, folder, scope, build, progress)
        register_agreement(index)
        _publish_figures(index)
    finally:
        index.database.dispose()
    (folder / "making.json").write_text(json.dumps(asdict(build)))
    return build


def _build_scope(shared_index: Index, folder: Path, code: str, build: DemoBuild, progress: Progress) -> None:
    """Load sources into their agency's scope; link them in the shared index."""
    name, sources = SCOPES[code]
    scope_index, _key = init_scope(create_settings(folder), code, is_test=True)
    try:
        for source in sources:
            source_name, agency, kind = SOURCES[source]
            add_source(scope_index, make_operator(), NewSource(source, source_name, agency, kind))
            build.loads.append(_load_source(scope_index, folder, source, progress))
        started = time.perf_counter()
        register_scope(shared_index, make_operator(), code, name)
        transfer_changes(
            scope_index,
            shared_index,
            make_operator(),
            code,
            progress=lambda _step, done, total: progress(f"{code}: link", done, total),
        )
        build.link_seconds += time.perf_counter() - started
    finally:
        scope_index.database.dispose()


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Empty the demo's folder and lock it against other demos."""
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
    """Delete all files of the demo's folder but its marker file.

    The marker stays, so that an interrupted clearing is still recognized as a demo's folder.
    """
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _MARKER_NAME:
            entry.unlink()


def _load_source(index: Index, folder: Path, source: SourceSystem, progress: Progress) -> SourceLoad:
    """Load one source's simulated file into the demo's index and time it."""
    started = time.perf_counter()
    rows = open_file(folder / "state" / f"{source}.csv", None, None)
    receipt = load(
        index,
        make_operator(),
        source,
        rows,
        LoadOptions(Snapshot.FULL, digest=rows.compute_digest()),
        lambda step, done, total: progress(f"{source}: {step}", done, total),
    )
    return SourceLoad(str(source), receipt.counts, time.perf_counter() - started)


def _publish_figures(index: Index) -> None:
    """Publish the demo's figures as if they had been measured yesterday.

    Otherwise the pages would show the first figures only tomorrow.
    """
    with clock.fixed_clock(clock.now() - timedelta(days=1)):
        publish_figures(index, make_operator())


def _save_key(folder: Path, key: str) -> None:
    """Write the demo's API key to a file of its owner."""
    path = folder / "api-key"
    path.touch(mode=0o600)
    path.write_text(key + "\n")


def read_build(folder: Path, records: int) -> DemoBuild | None:
    """Read the figures of an earlier build; None if absent or outdated."""
    try:
        values = json.loads((folder / "making.json").read_text())
    except (OSError, ValueError):
        return None
    if values.get("records") != records or values.get("made_with") != _describe_versions():
        return None
    return DemoBuild(**{**values, "loads": [SourceLoad(**load) for load in values["loads"]]})


def _describe_versions() -> str:
    """Return program, schema and model versions, which invalidate an older demo."""
    return f"{__version__} {SCHEMA_REVISION} {load_model(find_model_folder()).digest}"


@contextmanager
def open_demo_index(folder: Path) -> Iterator[Index]:
    """Open the demo's index and close it at the end."""
    index = open_index(create_settings(folder))
    try:
        yield index
    finally:
        index.database.dispose()


def read_truth(folder: Path) -> SimulationTruth:
    """Read the true person of each record that the demo simulated."""
    person: dict[tuple[str, str], str] = {}
    tags: dict[tuple[str, str], frozenset[str]] = {}
    with (folder / "state" / "truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = row["source"], row["local_id"]
            person[record] = row["person_id"]
            tags[record] = frozenset(row["tags"].split("|"))
    return SimulationTruth(person, tags)
