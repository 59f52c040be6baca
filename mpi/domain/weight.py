"""Match weights in bits, and the thresholds that divide them into bands."""

import math
from dataclasses import dataclass
from enum import StrEnum

WEIGHT_DECIMALS = 6
"""Decimals to which weights are rounded before they are compared.

Engines agree within 1e-6 bits, so rounded weights have the same order in all of them.
"""
HALF_WEIGHT_STEP = 0.5 * 10**-WEIGHT_DECIMALS
"""Half of the last decimal of a weight, in bits.

A weight that is no further below a floor rounds up to the floor.
"""


class Band(StrEnum):
    """Band of a pair's match weight: link, review or neither."""

    LINK = "LINK"
    REVIEW = "REVIEW"
    NON_LINK = "NON_LINK"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Match weights, in bits, from which pairs are linked or reviewed.

    Args:
        link: from this weight on, a pair may be linked.
        review: from this weight on, a pair that is not linked is for a steward.
        margin: a best match that beats the second best by less is ambiguous; 0 switches the check off, as
            for a research partition.
        cohesion: lowest mean weight between the halves of a person.

    Raises:
        ValueError: there is a margin and the influence floor (link - margin) is not above 0 bits, a value is
            no number, or review is above link.
    """

    link: float
    review: float
    margin: float
    cohesion: float = 0.0

    def __post_init__(self) -> None:
        if not self.review <= self.link:
            raise ValueError("the review threshold must not be above the link threshold")
        # Research has no margin, and F1 may be best with links below even odds.
        if self.margin and not self.has_positive_floor:
            raise ValueError("link threshold minus margin must be above 0 bits")
        if math.isnan(self.influence_floor):
            raise ValueError("a threshold in bits must be a number")

    @property
    def has_positive_floor(self) -> bool:
        """Whether only pairs above even odds can affect the clusters."""
        return self.influence_floor > 0

    @property
    def influence_floor(self) -> float:
        """Lowest match weight at which a pair can affect the clusters."""
        return self.link - self.margin

    @property
    def storage_floor(self) -> float:
        """Lowest match weight, in bits, at which a pair is stored."""
        return min(self.influence_floor, self.review)

    def classify(self, bits: float) -> Band:
        """Return the band of a match weight in bits."""
        if bits >= self.link:
            return Band.LINK
        return Band.REVIEW if bits >= self.review else Band.NON_LINK


def compute_probability(bits: float) -> float:
    """Convert a match weight to the probability of a match.

    Args:
        bits: weight with the prior included; the result is 2**bits / (1 + 2**bits).
    """
    if bits > 0:
        return 1 / (1 + math.pow(2, -bits))
    odds = math.pow(2, max(bits, -1000.0))
    return odds / (1 + odds)


def round_weight(bits: float) -> float:
    """Round a match weight to the decimals that are compared and stored."""
    return round(bits, WEIGHT_DECIMALS)
