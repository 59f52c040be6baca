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

Again = Callable[[], AbstractContextManager[ReadUnit]]
"""Begins another reading transaction."""
WORTH_A_THREAD = 200_000
"""Keys: those of some eight thousand records."""


def found_by(
    unit: ReadUnit, config_id: int, keys: Sequence[int], again: Again | None = None
) -> list[np.ndarray]:
    """Every record that has one of the keys: parts of two columns, key and record, some perhaps twice.

    Args:
        unit: the transaction.
        config_id: the configuration.
        keys: distinct, and ascending, in which order they are found soonest.
        again: for a second thread; None where this one is to do it alone.
    """
    groups = unit.sources.group_ids()
    if again is None or len(keys) < WORTH_A_THREAD:
        return list(unit.keys.find_records_in_parts(config_id, groups, keys))
    left = deque(iter_chunks(keys))
    with ThreadPoolExecutor(1, "reading keys") as pool:
        try:
            others = pool.submit(_found_by_another, again, config_id, groups, left)
            in_runs = unit.keys.segments.find_records(config_id, groups, keys)
            among_all = unit.keys.find_in_base_table(config_id, groups, _taken(left))
            mine = in_runs.entries + [in_runs.without_tombstoned(found) for found in among_all]
        finally:
            # Nothing is left where all went well; whoever is interrupted waits for one part of the other's.
            left.clear()
        return mine + [in_runs.without_tombstoned(found) for found in others.result()]


def _found_by_another(
    again: Again, config_id: int, groups: Collection[int], left: deque[Sequence[int]]
) -> list[np.ndarray]:
    with again() as unit:
        return list(unit.keys.find_in_base_table(config_id, groups, _taken(left)))


def _taken(left: deque[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Parts that nobody else has taken, until none is left."""
    while left:
        try:
            yield left.popleft()
        except IndexError:
            return
