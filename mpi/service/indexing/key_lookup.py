"""Parallel lookup of the records that have given blocking keys.

The store works for each of two threads on a core of its own. The second thread reads in a later snapshot and
may find records committed since: the caller attributes its pairs to the first snapshot and checks later
commits. A key that moves from a segment to the main table during the read may be returned twice, but never
missed, because segments are read in the first snapshot.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import numpy as np

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.unit_of_work.units import ReadUnit

SnapshotOpener = Callable[[], AbstractContextManager[ReadUnit]]
"""Opens another reading transaction."""


def find_records_by_key(
    unit: ReadUnit, config_id: int, keys: Sequence[int], open_snapshot: SnapshotOpener | None = None
) -> list[np.ndarray]:
    """Return every record that has one of some blocking keys.

    Args:
        unit: the transaction.
        config_id: the configuration.
        keys: distinct keys, ascending, the fastest order to read.
        open_snapshot: opens a reading transaction for a second thread; None for one thread.

    Returns:
        Arrays of two rows, key and record number; a key may occur twice.
    """
    groups = unit.sources.group_ids()
    if open_snapshot is None or len(keys) < unit.tuning.second_reader_keys:
        return list(unit.keys.find_records_in_parts(config_id, groups, keys))
    chunks = deque(iter_chunks(keys, unit.tuning.lookup_chunk_keys))
    with ThreadPoolExecutor(1, "reading keys") as executor:
        try:
            second_reads = executor.submit(_find_in_second_snapshot, open_snapshot, config_id, groups, chunks)
            segments = unit.keys.segments.find_records(config_id, groups, keys)
            base_parts = unit.keys.find_in_base_table(config_id, groups, _take_chunks(chunks))
            own_parts = segments.entries + [segments.without_tombstoned(part) for part in base_parts]
        finally:
            # After an interrupt, the second thread ends with its current chunk.
            chunks.clear()
        return own_parts + [segments.without_tombstoned(part) for part in second_reads.result()]


def _find_in_second_snapshot(
    open_snapshot: SnapshotOpener, config_id: int, groups: Collection[int], chunks: deque[Sequence[int]]
) -> list[np.ndarray]:
    with open_snapshot() as unit:
        return list(unit.keys.find_in_base_table(config_id, groups, _take_chunks(chunks)))


def _take_chunks(chunks: deque[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Yield chunks of blocking keys that no other thread has taken."""
    while chunks:
        try:
            yield chunks.popleft()
        except IndexError:
            return
