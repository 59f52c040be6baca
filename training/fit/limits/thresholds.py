"""Choice of link and review thresholds from the cost of errors.

Every threshold is placed clear of the weights of all pairs. Where odds decide about cautions, a budget of
false links chooses the link threshold instead (``training.fit.limits.link_budget``).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mpi.domain.weight import Thresholds
from training.fit.estimate import to_probabilities

FALSE_LINK_COST = 16.0
"""Missed links that one false link is worth in the enterprise IDs.

A false link shows one child's history to another child's school.
"""
REVIEW_BITS = -0.5
MOST_QUESTIONS = 0.0275
"""Most questions to people per record when data is loaded for the first time.

People are asked three per hundred records at most. Links that a rival contests, 0.1 to 0.2 per hundred
records, come on top of what a fit can count.
"""
MARGIN_BITS = 2.5
STATISTICAL_BITS = 0.5
"""Link threshold for research in bits, where no F1 was estimated.

Even odds are right where a false link costs as much as a missed one; half a bit more for safety.
"""
CLEARANCE = 0.001
"""Least distance in bits of a threshold from any pair's weight.

Engines then agree on the band of each pair.
"""
_STEP = 2.5 * CLEARANCE
_MOST_CLEARED = 0.1
"""Most bits by which a threshold moves to be clear of weights."""
LINK_BITS = math.ceil(math.log2(FALSE_LINK_COST) * 100) / 100
"""Link threshold for enterprise IDs in bits that the cost of a false link gives."""


@dataclass(frozen=True, slots=True)
class PurposeThresholds:
    """Weight thresholds by purpose: enterprise IDs (operational) and research (statistical)."""

    operational: Thresholds
    statistical: Thresholds


def choose_research_bits(bits: npt.NDArray[np.float64], matches: float) -> float:
    """Choose the research threshold at which the expected F1 is best.

    The best decision links a pair if its probability is at least half of the best F1 (Lipton, Elkan and
    Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014). Where half of the
    matches is never compared, a doubtful link costs little.

    Args:
        bits: weights of the candidate pairs as research weighs them.
        matches: expected matches among all pairs of records, compared or not.

    Returns:
        Weight in bits; that of no estimate if no match is expected.
    """
    probabilities = to_probabilities(np.sort(bits)[::-1])
    best = float((2 * np.cumsum(probabilities) / (np.arange(1, len(bits) + 1) + matches)).max(initial=0.0))
    half = min(best, 1.0) / 2
    return math.log2(half / (1 - half)) if half else STATISTICAL_BITS


def get_caution_bits(operational: Thresholds) -> float:
    """Return the weight of a cautioned pair, below that of a link.

    It is that of a link by cost less half of the margin, even where a budget lets weaker pairs link. Where a
    budget asks for more than the cost, it comes closer to a link: whatever weighs more is asked about.
    """
    half, lowest = operational.margin / 2, operational.margin / 10
    excess = operational.link - LINK_BITS - _MOST_CLEARED
    if excess > 0:
        return round(operational.link - max(lowest, half - excess), 4)
    return round(max(operational.link - half, min(LINK_BITS - half, operational.link - lowest)), 4)


def choose_thresholds(
    weights: npt.NDArray[np.float64],
    research_bits: float = STATISTICAL_BITS,
    link_bits: float = LINK_BITS,
) -> PurposeThresholds:
    """Choose the weight thresholds of links and reviews by error costs.

    Linking costs less than not linking where p / (1 - p) is above the cost ratio, so the link threshold
    is its logarithm; every threshold moves up until it is clear of weights. A research partition needs
    no margin: leaving out an ambiguous link costs it as much as a wrong one.

    Args:
        weights: match weights of the candidate pairs of the data, in bits.
        research_bits: link threshold for research.
        link_bits: link threshold for enterprise IDs.
    """
    ordered, link = np.sort(weights), link_bits
    while (
        min(distance_to_nearest(ordered, link), distance_to_nearest(ordered, link - MARGIN_BITS)) <= CLEARANCE
    ):
        link = round(link + _STEP, 4)
    review = _find_clear_threshold(ordered, min(REVIEW_BITS, link), link)
    research = round(_find_clear_threshold(ordered, research_bits, math.inf), 4)
    return PurposeThresholds(
        operational=Thresholds(link=link, review=review, margin=MARGIN_BITS),
        statistical=Thresholds(link=research, review=research, margin=0.0, cohesion=round(research_bits, 4)),
    )


def limit_review(
    weights: npt.NDArray[np.float64],
    questions: npt.NDArray[np.float64],
    records: float,
    purposes: PurposeThresholds | None = None,
) -> PurposeThresholds:
    """Choose thresholds of which people are not asked too much.

    Review begins higher where needed. Pairs that a caution holds stay in review.

    Args:
        weights: match weights of the candidate pairs of the data, in bits.
        questions: ascending weights of the pairs that people would be asked about, in bits.
        records: number of records that they were found among.
        purposes: thresholds to begin with; None for those that the cost of errors gives.
    """
    purposes, most = purposes or choose_thresholds(weights), int(MOST_QUESTIONS * records)
    if len(questions) <= most:
        return purposes
    operational = purposes.operational
    highest = get_caution_bits(operational) - CLEARANCE
    lowest = min(max(operational.review, float(questions[-most - 1]) + _STEP), highest)
    review = _find_clear_threshold(np.sort(weights), lowest, highest)
    return replace(purposes, operational=replace(operational, review=round(review, 4)))


def _find_clear_threshold(weights: npt.NDArray[np.float64], bits: float, upper_bound: float) -> float:
    """Return the lowest threshold from ``bits`` that is near no pair's weight.

    It stays below a bound, even if a weight is then close.
    """
    while distance_to_nearest(weights, bits) <= CLEARANCE and bits + _STEP < upper_bound:
        bits = round(bits + _STEP, 4)
    return bits


def measure_gaps(weights: npt.NDArray[np.float64], purposes: PurposeThresholds) -> dict[str, float]:
    """Return each threshold's distance in bits to the nearest pair weight."""
    ordered = np.sort(weights)
    thresholds = {
        "link": purposes.operational.link,
        "review": purposes.operational.review,
        "influence_floor": purposes.operational.influence_floor,
        "statistical_link": purposes.statistical.link,
    }
    return {name: distance_to_nearest(ordered, bits) for name, bits in thresholds.items()}


def distance_to_nearest(weights: npt.NDArray[np.float64], bits: float) -> float:
    """Return the distance from ``bits`` to the nearest of the ascending weights.

    The distance is infinite without weights.
    """
    position = int(np.searchsorted(weights, bits))
    neighbors = weights[max(position - 1, 0) : position + 1]
    return float(np.abs(neighbors - bits).min()) if len(neighbors) else math.inf
