"""Who has one of a great many keys, looked for by two threads: the store works for each on a core of its own.

The second reads in a transaction of its own, begun later. What has come meanwhile it finds as well: whoever
asks holds its pairs to be those of the first snapshot, and looks at what was committed since. A key that was
merged meanwhile from a run into the table of all may so be found twice, and never not at all, for the runs
are read in the first.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import numpy as np

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.unit_of_work.unit import ReadUnit

SnapshotOpener = Callable[[], AbstractContextManager[ReadUnit]]
"""Begins another reading transaction."""
MIN_KEYS_FOR_THREAD = 200_000
"""Keys: those of some eight thousand records."""


def find_records_by_key(
    unit: ReadUnit, config_id: int, keys: Sequence[int], again: SnapshotOpener | None = None
) -> list[np.ndarray]:
    """Every record that has one of the keys: parts of two columns, key and record, some perhaps twice.

    Args:
        unit: the transaction.
        config_id: the configuration.
        keys: distinct, and ascending, in which order they are found soonest.
        again: for a second thread; None where this one is to do it alone.
    """
    groups = unit.sources.group_ids()
    if again is None or len(keys) < MIN_KEYS_FOR_THREAD:
        return list(unit.keys.find_records_in_parts(config_id, groups, keys))
    left = deque(iter_chunks(keys))
    with ThreadPoolExecutor(1, "reading keys") as pool:
        try:
            others = pool.submit(_find_in_second_snapshot, again, config_id, groups, left)
            in_runs = unit.keys.segments.find_records(config_id, groups, keys)
            among_all = unit.keys.find_in_base_table(config_id, groups, _take_chunks(left))
            mine = in_runs.entries + [in_runs.without_tombstoned(found) for found in among_all]
        finally:
            # Nothing is left where all went well; whoever is interrupted waits for one part of the other's.
            left.clear()
        return mine + [in_runs.without_tombstoned(found) for found in others.result()]


def _find_in_second_snapshot(
    again: SnapshotOpener, config_id: int, groups: Collection[int], left: deque[Sequence[int]]
) -> list[np.ndarray]:
    with again() as unit:
        return list(unit.keys.find_in_base_table(config_id, groups, _take_chunks(left)))


def _take_chunks(left: deque[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Parts that nobody else has taken, until none is left."""
    while left:
        try:
            yield left.popleft()
        except IndexError:
            return
