"""Match weights in bits, and the bands that thresholds make of them."""

import math
from dataclasses import dataclass
from enum import StrEnum

WEIGHT_DECIMALS = 6
"""Weights are compared after rounding to 1e-6 bits, so that engines that agree to that agree on order."""
HALF_WEIGHT_STEP = 0.5 * 10**-WEIGHT_DECIMALS
"""Bits; a weight that is no further below a floor rounds up to it, and so is at it."""


class Band(StrEnum):
    """What a match weight means for a pair, before decisions and the rest of its component."""

    LINK = "LINK"
    REVIEW = "REVIEW"
    NON_LINK = "NON_LINK"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the bands begin, in bits.

    Args:
        link: from this weight on, a pair may be linked.
        review: from this weight on, a pair that is not linked is for a steward.
        margin: a best match that beats the second best by less is ambiguous; 0 for no look at a second
            best, which a research partition does not need.
        cohesion: lowest mean weight between the halves of a person.

    Raises:
        ValueError: the influence floor (link - margin) is not above 0 bits, or review is above link.
    """

    link: float
    review: float
    margin: float
    cohesion: float = 0.0

    def __post_init__(self) -> None:
        if not self.review <= self.link:
            raise ValueError("the review threshold must not be above the link threshold")
        if not self.influence_floor > 0:
            raise ValueError("link threshold minus margin must be above 0 bits")

    @property
    def influence_floor(self) -> float:
        """Bits from which a pair can bear on the partition at all; pairs below never do."""
        return self.link - self.margin

    @property
    def storage_floor(self) -> float:
        """Bits from which a pair is kept as an edge."""
        return min(self.influence_floor, self.review)

    def classify(self, bits: float) -> Band:
        """The band of a pair on its own weight."""
        if bits >= self.link:
            return Band.LINK
        return Band.REVIEW if bits >= self.review else Band.NON_LINK


def compute_probability(bits: float) -> float:
    """The match probability of a weight in bits (prior included): 2**w / (1 + 2**w)."""
    if bits > 0:
        return 1 / (1 + math.pow(2, -bits))
    odds = math.pow(2, max(bits, -1000.0))
    return odds / (1 + odds)


def round_weight(bits: float) -> float:
    """The weight as it is compared and stored."""
    return round(bits, WEIGHT_DECIMALS)
