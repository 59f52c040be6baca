"""Thresholds from the cost of errors, kept clear of weights."""

import math

import numpy as np
import numpy.typing as npt

from mpi.domain.weight import Thresholds

FALSE_LINK_COST = 100.0
"""How many missed links one false link is worth: it shows one child's history to another's school."""
REVIEW_BITS = 2.0
MARGIN_BITS = 3.0
CLEARANCE = 0.001
"""Bits that a threshold keeps from the weight of any pair, so that engines agree on its band."""
_STEP = 2.5 * CLEARANCE


def choose_thresholds(weights: npt.NDArray[np.float64]) -> Thresholds:
    """Thresholds from the cost of each error.

    Linking costs less than not linking where p / (1 - p) is above the cost ratio, so the link threshold is
    its logarithm; both it and the review threshold give way upwards until they are clear.

    Args:
        weights: of the candidate pairs of the data, in bits.
    """
    ordered = np.sort(weights)
    link = math.ceil(math.log2(FALSE_LINK_COST) * 100) / 100
    while min(gap(ordered, link), gap(ordered, link - MARGIN_BITS)) <= CLEARANCE:
        link = round(link + _STEP, 4)
    review = REVIEW_BITS
    while gap(ordered, review) <= CLEARANCE and review + _STEP < link:
        review = round(review + _STEP, 4)
    return Thresholds(link=link, review=review, margin=MARGIN_BITS)


def gaps(weights: npt.NDArray[np.float64], thresholds: Thresholds) -> dict[str, float]:
    """How far each threshold is from the nearest weight of a pair, in bits."""
    ordered = np.sort(weights)
    stated = {
        "link": thresholds.link,
        "review": thresholds.review,
        "influence_floor": thresholds.influence_floor,
    }
    return {name: gap(ordered, bits) for name, bits in stated.items()}


def gap(ordered: npt.NDArray[np.float64], bits: float) -> float:
    """Distance from ``bits`` to the nearest of the ascending weights; infinite where there is none."""
    at = int(np.searchsorted(ordered, bits))
    near = ordered[max(at - 1, 0) : at + 1]
    return float(np.abs(near - bits).min()) if len(near) else math.inf
