"""Loads in chunks small enough for tests, and what must hold after each."""

from contextlib import contextmanager

import pytest

from mpi.service.indexing import compaction
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads import chunk_writer, load_undo, window_sizes
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.derivation import derive
from tests.index import OPERATOR, many_children

CHILDREN = 1_100
_SMALL = {"SQLITE_CHUNK": 200, "POSTGRESQL_CHUNK": 200}
_SMALL_WINDOWS = {
    "FIRST_WINDOW": 600,
    "SMALLEST_WINDOW": 600,
    "SECOND_WINDOW_FROM": 300,
    "LARGEST_WINDOW": 800,
}
_SMALL_RUNS = {
    "MAX_UNMERGED_RECORDS": 600,
    "MIN_MERGE_RECORDS": 1,
    "MIN_INDEX_RECORDS": 1,
    "MIN_STATEMENTS": 1,
}
"""Where there are runs, small loads have some too, and merge before the last chunk and after it."""


def in_small_chunks(monkeypatch) -> None:
    """Have the loads of a test write a few hundred statements at a time."""
    for module, numbers in (
        (chunk_writer, _SMALL),
        (window_sizes, _SMALL_WINDOWS),
        (compaction, _SMALL_RUNS),
    ):
        for name, number in numbers.items():
            monkeypatch.setattr(module, name, number)


def children(postal_code: str = "43001"):
    """Children of whom some come twice, in one file and far apart."""
    once = many_children(CHILDREN - 100)
    twins = [child | {"local_id": f"again-{child['local_id']}"} for child in once[:900:9]]
    return [child | {"postal_code": postal_code} for child in once] + twins


def waiting(index) -> int:
    """Records of which keys are in runs still."""
    with index.database.read(OPERATOR) as unit:
        return unit.keys.segments.uncompacted(index.config_id(unit)).record_count


def sound(index) -> None:
    """Every law holds, and the edges are those that the records have, found anew."""
    assert verify(index, OPERATOR) == []
    floor = index.matcher.model.thresholds.storage_floor
    with index.database.read(OPERATOR) as unit:
        stored = unit.derived_data.all_edges(index.config_id(unit))
        anew = derive(unit, index, index.matcher, floor, ignore_progress, index.shared_values(unit)).edges
    assert stored == anew


class PulledPlugError(Exception):
    pass


@contextmanager
def stopped_after(monkeypatch, chunks: int):
    """A load that is interrupted while it writes a later chunk."""
    written = chunk_writer.ChunkWriter._write_chunk
    left = [chunks]

    def write(self, *arguments):
        written(self, *arguments)
        if not left[0]:
            raise PulledPlugError
        left[0] -= 1

    with monkeypatch.context() as patched, pytest.raises(PulledPlugError):
        patched.setattr(chunk_writer.ChunkWriter, "_write_chunk", write)
        yield


@contextmanager
def undo_stopped_after(monkeypatch, chunks: int):
    """An undo of a load that is interrupted while it writes a later chunk."""
    taken = load_undo._LoadUndo.undo_chunk
    left = [chunks]

    def take_back(self, unit, most, progress):
        taken(self, unit, most, progress)
        if not left[0]:
            raise PulledPlugError
        left[0] -= 1

    with monkeypatch.context() as patched, pytest.raises(PulledPlugError):
        patched.setattr(load_undo._LoadUndo, "undo_chunk", take_back)
        yield
