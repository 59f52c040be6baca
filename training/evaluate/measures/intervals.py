"""Estimates with 95 % intervals: Wilson's for shares, a bootstrap otherwise."""

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
class IntervalEstimate:
    """Measured value with its 95 % interval."""

    value: float
    low: float
    high: float


def estimate_share(part: int, total: int, *, default: float = 0.0) -> IntervalEstimate:
    """Estimate a share with Wilson's score interval.

    The interval holds near 0 and 1 (Wilson 1927).

    Args:
        part: numerator.
        total: denominator.
        default: value if ``total`` is 0; the interval is then all of [0, 1].
    """
    if not total:
        return IntervalEstimate(default, 0.0, 1.0)
    proportion = part / total
    spread = Z * math.sqrt(proportion * (1 - proportion) / total + Z**2 / (4 * total**2))
    centre, scale = proportion + Z**2 / (2 * total), 1 + Z**2 / total
    low = 0.0 if part == 0 else (centre - spread) / scale
    high = 1.0 if part == total else (centre + spread) / scale
    return IntervalEstimate(proportion, low, high)


class Bootstrap:
    """Bootstrap over independent groups, each a row of additive counts.

    Equal rows are drawn together by a multinomial, which is the same distribution as drawing groups one
    by one and costs no more than the number of different rows.

    Args:
        rows: the counts of each group.
    """

    def __init__(self, rows: Iterable[Sequence[float]]) -> None:
        row_counts = sorted(Counter(map(tuple, rows)).items())
        table = np.array([row for row, _ in row_counts], dtype=float)
        multiplicities = np.array([count for _, count in row_counts], dtype=np.int64)
        self.totals: Totals = multiplicities @ table
        size = int(multiplicities.sum())
        draws = np.random.default_rng(SEED).multinomial(size, multiplicities / size, size=REPLICATES)
        self._drawn = draws @ table

    def estimate(self, statistic: Callable[[Totals], float]) -> IntervalEstimate:
        """Return a statistic of the totals with its percentile interval.

        Args:
            statistic: function of the summed counts.
        """
        value = statistic(self.totals)
        low, high = np.quantile([statistic(row) for row in self._drawn], [0.025, 0.975])
        return IntervalEstimate(value, min(float(low), value), max(float(high), value))
