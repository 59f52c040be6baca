"""The public set over two scopes, in several orders with syncs in between (law 1)."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpi.bootstrap import init_index, init_scope
from mpi.config import Settings
from mpi.intake.rows import CanonicalRow
from mpi.service.core.index import Index
from mpi.service.loads.load import LoadOptions, load
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.registry import register_scope
from mpi.service.statements.sources import NewSource, add_source
from tests.e2e.public_set import OPERATOR, crosswalk, persons_of
from tests.scopes import ScopedIndexes

SCOPES = {"census": ("census2020", "wic"), "benefits": ("ssa",)}
"""Sources of each scope; two sources of one scope hold records of the same children."""

SourceRow = tuple[str, CanonicalRow]
Partition = frozenset[frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Partitions:
    """How the records form persons, in the shared index and in each scope."""

    shared: Partition
    scopes: tuple[Partition, ...]


@contextmanager
def open_empty_scopes(home: Path) -> Iterator[ScopedIndexes]:
    """Open a new shared index with empty scopes, all with the default model."""
    settings = Settings(home=home, database_url=None, model=None, secret_file=None)
    with ExitStack() as stack:
        shared, _key = init_index(settings, is_test=True)
        stack.callback(shared.database.dispose)
        indexes = ScopedIndexes(shared)
        for code, sources in SCOPES.items():
            index, _key = init_scope(settings, code, is_test=True)
            stack.callback(index.database.dispose)
            register_scope(shared, OPERATOR, code, None)
            for source in sources:
                add_source(index, OPERATOR, NewSource(source))
            indexes.scopes[code] = index
        yield indexes


def index_of(indexes: ScopedIndexes, source: str) -> Index:
    """Return the index of the scope that a source belongs to."""
    return indexes.scopes[next(code for code, sources in SCOPES.items() if source in sources)]


def load_sources(indexes: ScopedIndexes, rows: Sequence[SourceRow], _seed: int) -> None:
    """Load each source as one file, one after the other."""
    for sources in SCOPES.values():
        for source in sources:
            own_rows = [row for code, row in rows if code == source]
            load(index_of(indexes, source), OPERATOR, source, own_rows, LoadOptions())


def resolve_shuffled(indexes: ScopedIndexes, rows: Sequence[SourceRow], seed: int) -> None:
    """Send the rows one by one in a random order, with syncs at random moments."""
    chance = random.Random(seed)
    shuffled = chance.sample(rows, len(rows))
    for source, row in shuffled:
        upsert(index_of(indexes, source), OPERATOR, source, row.fields)
        if chance.random() < 20 / len(rows):
            indexes.sync()


def load_between(indexes: ScopedIndexes, rows: Sequence[SourceRow], seed: int) -> None:
    """Send one scope's rows one by one, and load the other scope's files half way."""
    chance = random.Random(seed)
    loaded = chance.choice(list(SCOPES))
    sent = [(code, row) for code, row in rows if code not in SCOPES[loaded]]
    shuffled = chance.sample(sent, len(sent))
    half = len(shuffled) // 2
    for source, row in shuffled[:half]:
        upsert(index_of(indexes, source), OPERATOR, source, row.fields)
    indexes.sync()
    for source in SCOPES[loaded]:
        own_rows = [row for code, row in rows if code == source]
        load(index_of(indexes, source), OPERATOR, source, own_rows, LoadOptions())
    for source, row in shuffled[half:]:
        upsert(index_of(indexes, source), OPERATOR, source, row.fields)


Order = Callable[[ScopedIndexes, Sequence[SourceRow], int], None]


def partition_in_order(home: Path, rows: Sequence[SourceRow], order: Order, seed: int) -> Partitions:
    """Send the rows in an order, and return how they form persons in the end.

    Raises:
        AssertionError: a re-cluster would move a record, or a copy differs from its original.
    """
    with open_empty_scopes(home) as indexes:
        order(indexes, rows, seed)
        indexes.sync()
        for code, index in indexes.scopes.items():
            assert check_copies(index, indexes.shared, OPERATOR, code).findings == []
        for index in (indexes.shared, *indexes.scopes.values()):
            assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
        return Partitions(
            frozenset(persons_of(crosswalk(indexes.shared))),
            tuple(frozenset(persons_of(crosswalk(index))) for index in indexes.scopes.values()),
        )


ORDERS: dict[str, Order] = {
    "load": load_sources,
    "one by one": resolve_shuffled,
    "one by one and load": load_between,
}
"""Orders in which the rows are sent, by name."""
