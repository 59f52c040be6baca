"""Thresholds from the cost of errors, kept clear of weights."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpi.domain.weight import Thresholds

FALSE_LINK_COST = 16.0
"""How many missed links one false link is worth in the enterprise IDs: it shows one child's history to
another's school."""
REVIEW_BITS = -0.5
MARGIN_BITS = 2.5
STATISTICAL_BITS = 0.5
"""Where a false link costs what a missed one does the threshold is even odds; half a bit above, because the
influence floor must be above 0."""
CLEARANCE = 0.001
"""Bits that a threshold keeps from the weight of any pair, so that engines agree on its band."""
_STEP = 2.5 * CLEARANCE


@dataclass(frozen=True, slots=True)
class PurposeThresholds:
    """Thresholds by what the partition is for: enterprise IDs, or research."""

    operational: Thresholds
    statistical: Thresholds


def choose_thresholds(weights: npt.NDArray[np.float64]) -> PurposeThresholds:
    """Thresholds from the cost of each error.

    Linking costs less than not linking where p / (1 - p) is above the cost ratio, so the link threshold is
    its logarithm; every threshold gives way upwards until it is clear. A research partition looks for no
    second best: leaving out an ambiguous link costs it as much as a wrong one.

    Args:
        weights: of the candidate pairs of the data, in bits.
    """
    ordered = np.sort(weights)
    link = math.ceil(math.log2(FALSE_LINK_COST) * 100) / 100
    while min(distance_to_nearest(ordered, link), distance_to_nearest(ordered, link - MARGIN_BITS)) <= CLEARANCE:
        link = round(link + _STEP, 4)
    review = _find_clear_threshold(ordered, min(REVIEW_BITS, link), link)
    even = _find_clear_threshold(ordered, STATISTICAL_BITS, math.inf)
    return PurposeThresholds(
        operational=Thresholds(link=link, review=review, margin=MARGIN_BITS),
        statistical=Thresholds(link=even, review=even, margin=0.0, cohesion=STATISTICAL_BITS),
    )


def _find_clear_threshold(ordered: npt.NDArray[np.float64], bits: float, below: float) -> float:
    """The lowest threshold from ``bits`` on that is clear of every weight and stays below a bound."""
    while distance_to_nearest(ordered, bits) <= CLEARANCE and bits + _STEP < below:
        bits = round(bits + _STEP, 4)
    return bits


def measure_gaps(weights: npt.NDArray[np.float64], purposes: PurposeThresholds) -> dict[str, float]:
    """How far each threshold is from the nearest weight of a pair, in bits."""
    ordered = np.sort(weights)
    stated = {
        "link": purposes.operational.link,
        "review": purposes.operational.review,
        "influence_floor": purposes.operational.influence_floor,
        "statistical_link": purposes.statistical.link,
    }
    return {name: distance_to_nearest(ordered, bits) for name, bits in stated.items()}


def distance_to_nearest(ordered: npt.NDArray[np.float64], bits: float) -> float:
    """Distance from ``bits`` to the nearest of the ascending weights; infinite where there is none."""
    at = int(np.searchsorted(ordered, bits))
    near = ordered[max(at - 1, 0) : at + 1]
    return float(np.abs(near - bits).min()) if len(near) else math.inf
