"""Loads in chunks small enough for tests, and checks of the index after each."""

from contextlib import contextmanager

import pytest

from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads import chunk_writer, load_undo
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.derivation import derive
from tests.index import OPERATOR, make_tuning, many_children

CHILDREN = 1_100
SMALL_CHUNKS = make_tuning(
    load={
        "sqlite_chunk_statements": 200,
        "postgresql_chunk_statements": 200,
        "sqlite_undo_records": 200,
        "postgresql_undo_records": 200,
        "first_window_statements": 600,
        "smallest_window_statements": 600,
        "second_window_statements": 300,
        "largest_window_statements": 800,
    },
    compaction={
        "forced_records": 600,
        "worthwhile_records": 1,
        "index_records": 1,
        "file_statements": 1,
    },
)
"""Tuning of small loads that write in chunks, and that write and compact key segments too."""


def children(postal_code: str = "43001"):
    """Return children, some of whom appear twice in one file and far apart."""
    distinct = many_children(CHILDREN - 100)
    duplicates = [child | {"local_id": f"again-{child['local_id']}"} for child in distinct[:900:9]]
    return [child | {"postal_code": postal_code} for child in distinct] + duplicates


def count_uncompacted_records(index) -> int:
    """Return how many records still have keys in segments."""
    with index.database.read(OPERATOR) as unit:
        return unit.keys.segments.uncompacted(index.config_id(unit)).record_count


def check_index(index) -> None:
    """Check every law, and that the edges equal recomputed ones."""
    assert verify(index, OPERATOR) == []
    floor = index.matcher.model.thresholds.storage_floor
    with index.database.read(OPERATOR) as unit:
        stored = unit.derived_data.all_edges(index.config_id(unit))
        recomputed = derive(
            unit, index, index.matcher, floor, ignore_progress, index.shared_values(unit)
        ).edges
    assert stored == recomputed


class InterruptedLoadError(Exception):
    pass


@contextmanager
def interrupted_load(monkeypatch, chunks: int):
    """Interrupt a load while it writes a later chunk."""
    write_chunk = chunk_writer.ChunkWriter._write_chunk
    remaining = [chunks]

    def write(self, *arguments):
        write_chunk(self, *arguments)
        if not remaining[0]:
            raise InterruptedLoadError
        remaining[0] -= 1

    with monkeypatch.context() as patched, pytest.raises(InterruptedLoadError):
        patched.setattr(chunk_writer.ChunkWriter, "_write_chunk", write)
        yield


@contextmanager
def interrupted_undo(monkeypatch, chunks: int):
    """Interrupt the undo of a load while it writes a later chunk."""
    undo_chunk = load_undo._LoadUndo.undo_chunk
    remaining = [chunks]

    def undo_and_interrupt(self, unit, max_records, progress):
        undo_chunk(self, unit, max_records, progress)
        if not remaining[0]:
            raise InterruptedLoadError
        remaining[0] -= 1

    with monkeypatch.context() as patched, pytest.raises(InterruptedLoadError):
        patched.setattr(load_undo._LoadUndo, "undo_chunk", undo_and_interrupt)
        yield
