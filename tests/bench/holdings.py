"""Benchmark of minimum holdings: what they cost in links of children in care, and what they hold.

``scripts/bench-holdings`` runs it and prints JSON.
"""

import argparse
import csv
import json
import tempfile
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import SHARED_SCOPE, Holdings, SourceKind
from mpi.intake.reader import open_file
from mpi.service.core.index import Index
from mpi.service.holdings.settings import add_source
from mpi.service.holdings.tokens import count_rows_to_ask
from mpi.service.loads.load import LoadOptions, load
from mpi.service.statements.sources import NewSource
from tests.bench.simulated_index import simulate
from tests.index import OPERATOR, crosswalk

WELFARE = "ccwis"
_KINDS = {"ccwis": SourceKind.CCWIS, "state_ssid": SourceKind.STATE_ID}

Record = tuple[str, str]
Pair = tuple[Record, Record]


def main() -> int:
    """Load a state with and without minimum holdings, and compare the links of children in care."""
    parser = argparse.ArgumentParser(prog="scripts/bench-holdings", description=main.__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="source records of the simulated state")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mpi-bench-holdings-") as name:
        folder = Path(name)
        simulate(folder / "state", options.records, options.seed)
        truth = _read_truth(folder / "state" / "truth.csv")
        schools = sorted({source for source, _ in truth} - {WELFARE})
        whole = _Site(folder, "all", Holdings.ALL, schools)
        linked = _Site(folder, "linked", Holdings.LINKED, schools)
        late = _Site(folder, "late", Holdings.TOKENS, schools)
        figures: dict[str, object] = {"records": len(truth)}
        figures["all"] = whole.run((WELFARE, *schools), truth)
        nights = ["linked, first night", "linked, second night", "linked, third night"]
        for night, label in enumerate(nights):
            figures[label] = linked.run((WELFARE, *schools) if night == 0 else schools, truth)
            figures[label] |= linked.compare(whole)
        figures["tokens, schools first"] = late.run((*schools, WELFARE), truth) | late.count_rows_to_ask()
        figures["tokens, after the schools' next files"] = late.run(schools, truth) | late.count_rows_to_ask()
        figures["database_mb"] = {site.name: site.measure_database() for site in (whole, linked, late)}
    print(json.dumps(figures, indent=1))
    return 0


@dataclass
class _Site:
    """An index whose schools have some holdings."""

    folder: Path
    name: str
    holdings: Holdings
    schools: list[str]

    def __post_init__(self) -> None:
        settings = Settings(
            home=self.folder / self.name, database_url=None, model=None, secret_file=None, scope=SHARED_SCOPE
        )
        (self.folder / self.name).mkdir()
        (self.folder / self.name / "secret.key").touch(mode=0o600)
        (self.folder / self.name / "secret.key").write_text("11" * 32)
        self.index: Index = init_index(settings, is_test=True)[0]
        add_source(self.index, OPERATOR, NewSource(WELFARE, kind=SourceKind.CCWIS), Holdings.ALL)
        for code in self.schools:
            kind = _KINDS.get(code, SourceKind.SIS)
            add_source(self.index, OPERATOR, NewSource(code, kind=kind), self.holdings)

    def run(self, sources: tuple[str, ...] | list[str], truth: dict[Record, str]) -> dict[str, object]:
        """Load a full file of each source and measure the links."""
        started = time.perf_counter()
        for source in sources:
            rows = open_file(self.folder / "state" / f"{source}.csv", None, None)
            load(self.index, OPERATOR, source, rows, LoadOptions(Snapshot.FULL, confirm=True))
        return {"load_s": round(time.perf_counter() - started, 1)} | self._measure(truth)

    def _measure(self, truth: dict[Record, str]) -> dict[str, object]:
        links, true_links = self.links(), _true_links(truth)
        children = {truth[record] for record in truth if record[0] == WELFARE}
        held = [record for record in crosswalk(self.index) if record[0] != WELFARE]
        return {
            "school_records_held": len(held),
            "of_other_children": sum(truth[record] not in children for record in held),
            "true_links": len(links & true_links),
            "false_links": len(links - true_links),
            "recall": round(len(links & true_links) / len(true_links), 4),
            "precision": round(len(links & true_links) / len(links), 4) if links else None,
        }

    def links(self) -> set[Pair]:
        """Return the pairs of a child-welfare record and a school record of one person."""
        return {pair for records in self.persons().values() for pair in _care_pairs(records)}

    def persons(self) -> dict[str, list[Record]]:
        """Return the records of each enterprise ID, in order."""
        persons: dict[str, list[Record]] = {}
        for record, eid in sorted(crosswalk(self.index).items()):
            persons.setdefault(eid, []).append(record)
        return persons

    def count_rows_to_ask(self) -> dict[str, int]:
        """Count the rows whose tokens meet a child in care."""
        counts = count_rows_to_ask(self.index, OPERATOR)
        return {
            "tokens": sum(each.tokens for each in counts),
            "rows_to_ask": sum(each.rows for each in counts),
        }

    def measure_database(self) -> float:
        """Return the size of the database after a vacuum, in MB."""
        with self.index.database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return round((self.folder / self.name / "mpi.db").stat().st_size / 1e6, 1)

    def compare(self, whole: "_Site") -> dict[str, int]:
        """Count the links that this index has and another has not, and the other way."""
        own, other = self.links(), whole.links()
        return {"links_only_here": len(own - other), "links_only_with_all": len(other - own)}


def _care_pairs(records: list[Record]) -> list[Pair]:
    return [
        pair
        for pair in combinations(sorted(records), 2)
        if (pair[0][0] == WELFARE) != (pair[1][0] == WELFARE)
    ]


def _true_links(truth: dict[Record, str]) -> set[Pair]:
    records: dict[str, list[Record]] = {}
    for record, person in truth.items():
        records.setdefault(person, []).append(record)
    return {pair for own in records.values() for pair in _care_pairs(own)}


def _read_truth(path: Path) -> dict[Record, str]:
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["source"], row["local_id"]): row["person_id"] for row in csv.DictReader(file)}


if __name__ == "__main__":
    raise SystemExit(main())
