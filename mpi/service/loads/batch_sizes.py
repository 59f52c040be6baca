"""Windows: how many statements of a file are looked ahead for while those before them are written."""

from collections.abc import Iterator

from mpi.service.indexing.pairing import MOST_KEPT, of_this_machine

FIRST_WINDOW = 20_000
"""Statements of the first window: for its pairs the writing waits."""
SMALLEST_WINDOW = 4_000
"""The least statements of a later window, but for the last, which may have half as many: each costs some."""
SECOND_WINDOW_FROM = 40_000
"""Statements after the first window; fewer are paired with it. By itself a process pairs on one core, and for
each window the writing would wait for it: fifty thousand took 45 s beside five million, in one window 37."""
LARGEST_WINDOW = 60_000
"""Statements of the largest window, where the index is not large: three windows at a time bound memory."""
INDEX_PART = 40
"""Of a larger index the largest window is one in so many: for each window keys that lie everywhere in the
index are looked for, and most of its pages are read."""


def plan_window_sizes(statements: int, largest: int) -> Iterator[int]:
    """How many statements are looked ahead for at a time: few at first, and few at last.

    For the pairs of the first the writing waits, and while the last are written nothing is looked for.

    Args:
        statements: how many there are.
        largest: of a window.
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
    """How many statements a window may have.

    Args:
        records: so many the index will hold at most.
    """
    proportional = records // INDEX_PART
    if proportional <= LARGEST_WINDOW:
        return LARGEST_WINDOW
    return max(LARGEST_WINDOW, min(proportional, LARGEST_WINDOW * of_this_machine().most_kept // MOST_KEPT))
