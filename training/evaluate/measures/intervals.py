"""Figures with 95 % intervals: Wilson's for a share, a bootstrap over independent groups for the rest."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z = 1.959963984540054
"""Standard normal deviate of a two-sided 95 % interval."""
REPLICATES = 1_000
SEED = 2026

Totals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


def estimate_share(part: int, whole: int, *, default: float = 0.0) -> Estimate:
    """A proportion with Wilson's score interval, which holds near 0 and 1 (Wilson 1927).

    Args:
        part: how many.
        whole: of how many.
        default: the value where ``whole`` is 0; the interval is then all of [0, 1].
    """
    if not whole:
        return Estimate(default, 0.0, 1.0)
    found = part / whole
    spread = Z * math.sqrt(found * (1 - found) / whole + Z**2 / (4 * whole**2))
    centre, scale = found + Z**2 / (2 * whole), 1 + Z**2 / whole
    low = 0.0 if part == 0 else (centre - spread) / scale
    high = 1.0 if part == whole else (centre + spread) / scale
    return Estimate(found, low, high)


class Bootstrap:
    """Resamples independent groups, each a row of counts that add up over groups.

    Equal rows are drawn together by a multinomial, which is the same distribution as drawing groups one
    by one and costs no more than the number of different rows.

    Args:
        rows: the counts of each group.
    """

    def __init__(self, rows: Iterable[Sequence[float]]) -> None:
        kinds = sorted(Counter(map(tuple, rows)).items())
        table = np.array([row for row, _ in kinds], dtype=float)
        times = np.array([count for _, count in kinds], dtype=np.int64)
        self.totals: Totals = times @ table
        size = int(times.sum())
        draws = np.random.default_rng(SEED).multinomial(size, times / size, size=REPLICATES)
        self._drawn = draws @ table

    def estimate(self, statistic: Callable[[Totals], float]) -> Estimate:
        """The statistic of the totals, with the percentile interval of its replicates."""
        value = statistic(self.totals)
        low, high = np.quantile([statistic(row) for row in self._drawn], [0.025, 0.975])
        return Estimate(value, min(float(low), value), max(float(high), value))
