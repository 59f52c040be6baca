"""Column types and random helpers of the simulator.

The simulator holds the state as numpy arrays, one entry per household, child or record.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.object_]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Dates = npt.NDArray[np.datetime64]
Spans = npt.NDArray[np.timedelta64]
Rng = np.random.Generator

DRAW_LIMIT = 2**31
"""Exclusive upper bound of random integers given to text functions."""


def text_column(values: Sequence[str]) -> Texts:
    """Return a column of Python strings."""
    return np.array(values, dtype=object)


def blank_column(size: int) -> Texts:
    """Return a column of empty strings."""
    return np.full(size, "", dtype=object)


def draw_events(rng: Rng, rate: float | npt.NDArray[np.float64], size: int) -> Bools:
    """Draw, for each entry, whether an event of the given rate happens.

    Args:
        rng: random generator.
        rate: probability, one for all or one per entry.
        size: number of entries.
    """
    return np.asarray(rng.random(size) < rate)


def draw_choices(rng: Rng, shares: Sequence[float], size: int) -> Ints:
    """Draw positions in a list of shares of any sum."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    return np.minimum(
        np.searchsorted(edges / edges[-1], rng.random(size), side="right"), len(shares) - 1
    ).astype(np.int64)


def rewrite_values(column: Texts, selected: Bools, rng: Rng, rule: Callable[[str, int], str]) -> None:
    """Rewrite selected non-empty texts by a text function, in place.

    Args:
        column: column of texts.
        selected: selected entries.
        rng: random generator.
        rule: pure function of text and random integer.
    """
    rows = np.flatnonzero(selected & (column != ""))
    draws = rng.integers(0, DRAW_LIMIT, len(rows)).tolist()
    column[rows] = text_column([rule(text, draw) for text, draw in zip(column[rows], draws, strict=True)])


def to_iso_dates(days: Dates) -> Texts:
    """Convert dates to ``YYYY-MM-DD`` texts, empty if missing."""
    formatted = np.datetime_as_string(days, unit="D").astype(object)
    formatted[np.isnat(days)] = ""
    return formatted
