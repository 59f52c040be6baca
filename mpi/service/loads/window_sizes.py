"""Sizes of the windows in which a load searches for pairs.

The pairs of one window are scored while the window before is written.
"""

from collections.abc import Iterator

from mpi.service.indexing.pair_scorer import MAX_CACHED_RECORDS, limits_for_machine

FIRST_WINDOW = 20_000
"""Statements of the first window, whose pairs the writer waits for."""
SMALLEST_WINDOW = 4_000
"""Smallest number of statements in a later window.

Each window has a fixed cost. The last window may have half as many.
"""
SECOND_WINDOW_FROM = 40_000
"""Smallest remainder of a file that gets a second window.

It counts the statements after the first window; a smaller remainder is paired together with the first. A
worker process pairs on one core, and the writer would wait for each window: loading fifty thousand records
into five million took 45 seconds, in one window 37.
"""
LARGEST_WINDOW = 60_000
"""Statements of the largest window unless the index is large.

Three windows at a time bound the memory.
"""
INDEX_PART = 40
"""Records of a large index for each statement of the largest window.

The keys of a window lie everywhere in the index, so that each window reads most of its pages.
"""


def plan_window_sizes(statements: int, largest: int) -> Iterator[int]:
    """Yield the sizes of a load's windows, small at both ends.

    The writer waits for the pairs of the first window, and nothing is searched while the last one is written.

    Args:
        statements: number of statements to write.
        largest: largest number of statements of a window.
    """
    window = statements if statements < FIRST_WINDOW + SECOND_WINDOW_FROM else FIRST_WINDOW
    size = FIRST_WINDOW
    while statements > 0:
        yield window
        statements -= window
        size = min(2 * size, largest)
        window = max(SMALLEST_WINDOW, min(size, -(-statements // 2)))
        window = statements if statements - window < SMALLEST_WINDOW // 2 else window


def compute_largest_window(records: int) -> int:
    """Return the largest number of statements that a window may have.

    Args:
        records: upper bound of the records that the index will hold.
    """
    proportional = records // INDEX_PART
    if proportional <= LARGEST_WINDOW:
        return LARGEST_WINDOW
    return max(
        LARGEST_WINDOW,
        min(proportional, LARGEST_WINDOW * limits_for_machine().max_cached_records // MAX_CACHED_RECORDS),
    )
