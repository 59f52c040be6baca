"""Kill of a writer or its database server at any instant, and a check of what is left.

``scripts/prove-crash`` repeats it. As a program, this module is the writer: it works on the index in a home
folder until it is killed, and prints a line for each acknowledged step.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.snapshot import Snapshot
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.storage.repositories.sources.batches import Batch
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    make_tuning,
    many_children,
    open_test_index,
)
from tests.postgres import PostgresServer, start_postgres

LOADED_RECORDS = 700
"""Above ``ScoringTuning.duckdb_records``, so that a load goes through DuckDB."""
WITHDRAWN_LOAD_RECORDS = 450
"""Records of a load that is undone."""
CHUNK = 200
"""Records of one transaction of a load: a kill may leave some of its chunks."""
TUNING = make_tuning(
    load={
        "sqlite_chunk_statements": CHUNK,
        "postgresql_chunk_statements": CHUNK,
        "sqlite_undo_records": CHUNK,
        "postgresql_undo_records": CHUNK,
    },
    compaction={
        "index_records": 1,
        "file_statements": 1,
        "forced_records": 4 * CHUNK,
        "worthwhile_records": 1,
    },
)
"""Tuning under which loads this small write and compact segments of keys."""


@dataclass
class KillReport:
    """Results over all kills."""

    kills: int = 0
    acknowledged: int = 0
    during: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class IndexUnderTest:
    """Location of the index under test.

    Args:
        home: its home folder.
        database_url: its store; None for the file in its home.
        server: its PostgreSQL server, which is killed in turn with the writer.
    """

    home: Path
    database_url: str | None = None
    server: PostgresServer | None = None

    @property
    def settings(self) -> Settings:
        """How it is opened."""
        return Settings(home=self.home, model=None, database_url=self.database_url, secret_file=None)

    def await_rollback(self) -> None:
        """Wait until the server has noticed that its client is gone, and has rolled back."""
        sessions = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'mpi %'"
        while self.server is not None and self.server.run(sessions):
            time.sleep(0.01)


def work(place: IndexUnderTest, turn: int) -> None:
    """Upsert, load, undo loads and re-cluster without end, and print what is acknowledged."""
    index = open_index(place.settings, tuning=TUNING)
    _undo_wrong_load(index)
    while True:
        for number in range(20):
            local_id = f"u{number}"
            _print("upsert")
            upsert(index, OPERATOR, "ccwis", _record_to_send(local_id, turn))
            _print(f"kept {local_id} {turn}")
        _print("load")
        children = [
            child | {"postal_code": f"{43000 + turn % 900}"}
            for child in many_children(LOADED_RECORDS + turn % 3)
        ]
        receipt = load_rows(index, "sis", *children, snapshot=Snapshot.FULL, confirm=True)
        assert receipt.adds_up
        _print(f"kept sis {turn} {len(children)}")
        _print("load")
        wrong_children = [
            child | {"local_id": f"w{child['local_id']}"} for child in many_children(WITHDRAWN_LOAD_RECORDS)
        ]
        assert load_rows(index, "ccwis", *wrong_children, confirm=True).adds_up
        _undo_wrong_load(index)
        _print("recluster")
        recluster(index, OPERATOR, index.matcher, apply=True)
        turn += 1


def _undo_wrong_load(index) -> None:
    """Undo the wrong load, or continue its undo."""
    for batch in _ccwis_loads(index):
        if batch.status != "undone":
            _print("undo")
            undo_load(index, OPERATOR, batch.id)


def _ccwis_loads(index) -> list[Batch]:
    with index.database.read(OPERATOR) as unit:
        return [batch for batch in unit.batches.all() if batch.source == "ccwis"]


def kill_often(place: IndexUnderTest, kills: int, seed: int) -> KillReport:
    """Kill the writer of one index again and again, and check the index after each kill.

    Args:
        place: location of the index; its folder does not exist yet.
        kills: number of kills; with a server, every second one kills the server.
        seed: seed of the moments.
    """
    with open_test_index(place.home, "sis", "ccwis", database_url=place.database_url):
        pass
    random_moments, report, acknowledged = random.Random(seed), KillReport(), {}
    for number in range(kills):
        output = _kill_writer(place, number, random_moments)
        report.kills += 1
        last_action = next((line for line in reversed(output) if not line.startswith("kept")), "opening")
        report.during[last_action] = report.during.get(last_action, 0) + 1
        for line in output:
            if line.startswith("kept"):
                _, name, turn, *count = line.split()
                acknowledged[name] = (int(turn), *map(int, count))
                report.acknowledged += 1
        report.faults += [
            f"kill {number} during {last_action}: {fault}" for fault in _find_faults(place, acknowledged)
        ]
    return report


def _kill_writer(place: IndexUnderTest, number: int, random_moments: random.Random) -> list[str]:
    """Start the writer, kill it at some instant, and return the whole lines of its output."""
    command = [
        sys.executable,
        "-m",
        "tests.laws.crash",
        "--work",
        str(place.home),
        "--turn",
        str(number * 1000),
    ]
    if place.database_url:
        command += ["--database-url", place.database_url]
    # A writer that loses its server prints a long error.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        time.sleep(random_moments.random() ** 2 * 4)
        if place.server is not None and number % 2:
            place.server.stop(signal.SIGKILL)
            place.server.start()
        process.kill()
        remaining, _ = process.communicate()
    place.await_rollback()
    return [
        line.rstrip("\n")
        for line in (first_line + remaining).splitlines(keepends=True)
        if line.endswith("\n")
    ]


def _find_faults(place: IndexUnderTest, acknowledged: dict[str, tuple[int, ...]]) -> list[str]:
    index = open_index(place.settings)
    try:
        faults = [f"law {finding.law}: {finding.detail}" for finding in verify(index, OPERATOR)]
        links = crosswalk(index)
        with index.database.read(OPERATOR) as unit:
            receipts = [batch for batch in unit.batches.all() if batch.source == "sis"]
            persons = unit.persons.counts().get("active", 0)
        if persons != len(set(links.values())):
            faults.append(f"{persons} active persons, {len(set(links.values()))} in the crosswalk")
        loaded_count = sum(source == "sis" for source, _ in links)
        if receipts:
            faults += _load_faults(index, receipts[-1], loaded_count)
        elif loaded_count:
            faults.append(f"{loaded_count} records of a load without a receipt")
        wrong_count = sum(source == "ccwis" and name.startswith("w") for source, name in links)
        if wrong_count != (expected := _count_remaining_wrong_records(index)):
            faults.append(f"{wrong_count} records of a load that is taken back, not {expected}")
        for name, (turn, *_) in acknowledged.items():
            if name != "sis" and not _holds(index, name, turn):
                faults.append(f"an upsert that was acknowledged is gone: {name}")
        if "sis" in acknowledged and not receipts:
            faults.append("a load that was acknowledged is gone")
    finally:
        index.database.dispose()
    return faults


def _load_faults(index, receipt, loaded_count: int) -> list[str]:
    """Return contradictions between the last load's receipt and the index, chunk counts included."""
    counts = receipt.counts
    counted = counts["created"] + counts["updated"] + counts["unchanged"]
    if receipt.status == "loading":
        with index.database.read(OPERATOR) as unit:
            loaded_count = len(unit.record_assertions.records_of_load(receipt.id))
        if counted % CHUNK:
            return [f"a chunk of {counted % CHUNK} records"]
    return [] if counted == loaded_count else [f"{loaded_count} records of a load of {counted}"]


def _count_remaining_wrong_records(index) -> int:
    """Count the records that still rest on the wrong load."""
    with index.database.read(OPERATOR) as unit:
        return sum(
            len(unit.record_assertions.records_of_load(batch.id) - unit.batches.undone_records(batch.id))
            for batch in unit.batches.all()
            if batch.source == "ccwis" and batch.status != "undone"
        )


def _holds(index, local_id: str, turn: int) -> bool:
    """Return whether the record is as it was acknowledged, or as it was sent after that."""
    grade = read(index, OPERATOR, "ccwis", local_id)["record"]["grade"]
    return int(grade) >= turn


def _record_to_send(local_id: str, turn: int) -> dict[str, object]:
    number = int(local_id[1:])
    return make_child(local_id, birth_date=f"2014-01-{1 + number % 5:02}", grade=str(turn))


def _print(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Kill a writer as often as requested, and print the results."""
    parser = argparse.ArgumentParser(prog="scripts/prove-crash", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--migrations", action="store_true", help="kill upgrades of the schema instead")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--database-url", help=argparse.SUPPRESS)
    parser.add_argument("--turn", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(IndexUnderTest(arguments.work, arguments.database_url), arguments.turn)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = IndexUnderTest(Path(folder) / "home")
        if arguments.store == "postgresql":
            server = stack.enter_context(start_postgres())
            place = IndexUnderTest(place.home, server.url(server.new_database()), server)
        if arguments.migrations:
            from tests.laws.migration_crash import kill_upgrades  # built upon this module

            if place.server is not None:
                place = IndexUnderTest(place.home, place.server.url(place.server.new_schema()), place.server)
            report = kill_upgrades(place, arguments.kills, arguments.seed)
        else:
            report = kill_often(place, arguments.kills, arguments.seed)
    print(f"{report.kills} kills, {report.acknowledged} acknowledged steps, killed during {report.during}")
    print("\n".join(report.faults) or "nothing lost, nothing half applied")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
