"""Sizes of windows and transactions of a load and its undo.

The pairs of one window are scored while the window before is written.
"""

from collections.abc import Iterator

from mpi.domain.tuning import LoadTuning
from mpi.service.core.index import Index
from mpi.service.indexing.pairing_limits import MAX_CACHED_RECORDS, PairingLimits
from mpi.service.processes.pacing import AdaptiveBatchSize

INDEX_PART = 40
"""Records of a large index for each statement of the largest window.

The keys of a window lie everywhere in the index, so that each window reads most of its pages.
"""


def plan_window_sizes(statements: int, largest: int, tuning: LoadTuning) -> Iterator[int]:
    """Yield how many statements each window of a load has.

    Windows are small at both ends: the writer waits for the candidate pairs of the first window, and nothing
    is searched while the last one is written.

    Args:
        statements: number of statements to write.
        largest: largest number of statements of a window.
        tuning: sizes of the first and of the smallest window.
    """
    first, smallest = tuning.first_window_statements, tuning.smallest_window_statements
    window = statements if statements < first + tuning.second_window_statements else first
    size = first
    while statements > 0:
        yield window
        statements -= window
        size = min(2 * size, largest)
        window = max(smallest, min(size, -(-statements // 2)))
        window = statements if statements - window < smallest // 2 else window


def compute_largest_window(records: int, tuning: LoadTuning, limits: PairingLimits) -> int:
    """Return how many statements one window of a load may have.

    Args:
        records: upper bound of the records that the index will hold.
        tuning: size of the largest window of a small index.
        limits: memory limits of this machine.
    """
    largest = tuning.largest_window_statements
    proportional = records // INDEX_PART
    return max(largest, min(proportional, largest * limits.max_cached_records // MAX_CACHED_RECORDS))


def make_load_sizer(index: Index) -> AdaptiveBatchSize:
    """Create the adaptive limit on statements written in one load transaction."""
    load = index.tuning.load
    chunk = load.postgresql_chunk_statements if index.database.is_postgresql else load.sqlite_chunk_statements
    return AdaptiveBatchSize(chunk, tuning=index.tuning.pacing)


def make_undo_sizer(index: Index) -> AdaptiveBatchSize:
    """Create the adaptive limit on records undone in one transaction."""
    load = index.tuning.load
    records = load.postgresql_undo_records if index.database.is_postgresql else load.sqlite_undo_records
    return AdaptiveBatchSize(records, tuning=index.tuning.pacing)
