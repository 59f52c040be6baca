"""Helpers to load, export and score a public evaluation set with the default model.

The set is read in place (MPI_EVAL_DATA, or ``../shared/data`` beside the checkout) and never copied.
"""

import os
import random
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import make_operator
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow
from mpi.service.core.index import Index
from mpi.service.loads.load import LoadOptions, Receipt, load
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MPI_EVAL_DATA", ROOT.parent / "shared" / "data"))
CHILDREN = DATA / "eval" / "pp_children_multi.parquet"
MAPPING = "pp_children_multi"
SOURCES = ("census2020", "ssa", "wic")
OPERATOR = make_operator()

Clusters = dict[tuple[str, str], str]


@contextmanager
def empty_index(home: Path) -> Iterator[Index]:
    """Open a new index with the default model, its own secret and the set's sources."""
    index, _key = init_index(
        Settings(home=home, database_url=None, model=None, secret_file=None), is_test=True
    )
    for source in SOURCES:
        add_source(index, OPERATOR, NewSource(source))
    try:
        yield index
    finally:
        index.database.dispose()


def load_by_source(index: Index) -> list[Receipt]:
    """Load the file once for each source, filtered, as full snapshots."""
    return [
        load(
            index,
            OPERATOR,
            source,
            open_file(CHILDREN, load_mapping(MAPPING).with_where("source", source), None),
            LoadOptions(Snapshot.FULL),
        )
        for source in SOURCES
    ]


def rows_to_send() -> list[tuple[str, CanonicalRow]]:
    """Return every row with its source, for resolving one by one."""
    return [
        (source, row)
        for source in SOURCES
        for row in open_file(CHILDREN, load_mapping(MAPPING).with_where("source", source), None)
        if isinstance(row, CanonicalRow)
    ]


def resolve_one_by_one(index: Index, rows: list[tuple[str, CanonicalRow]], seed: int) -> None:
    """Resolve the rows in an order that the seed determines."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    for source, row in shuffled:
        upsert(index, OPERATOR, source, row.fields)


def crosswalk(index: Index) -> Clusters:
    """Return the enterprise ID by (source, local ID)."""
    return {(row.source, row.local_id): row.enterprise_id for row in export_crosswalk(index, OPERATOR)}


def persons_of(clusters: Clusters) -> set[frozenset[tuple[str, str]]]:
    """Return the partition without its IDs."""
    persons: dict[str, set[tuple[str, str]]] = {}
    for record, eid in clusters.items():
        persons.setdefault(eid, set()).add(record)
    return {frozenset(records) for records in persons.values()}


def truth() -> dict[tuple[str, str], str]:
    """Return the true person of each row; row numbers are local IDs."""
    table = pq.read_table(CHILDREN, columns=["true_id", "source"]).to_pydict()
    rows = zip(table["true_id"], table["source"], strict=True)
    return {(source, str(number)): person for number, (person, source) in enumerate(rows, 1)}


def pairwise(clusters: Clusters) -> dict[str, float]:
    """Return pairwise precision, recall and F1 against the truth."""
    true_persons = truth()

    def pairs(labels: list[Hashable]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(labels).values())

    records = sorted(clusters)
    linked = pairs([clusters[r] for r in records])
    matches = pairs([true_persons[r] for r in records])
    correct = pairs([(clusters[r], true_persons[r]) for r in records])
    precision, recall = correct / linked, correct / matches
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
