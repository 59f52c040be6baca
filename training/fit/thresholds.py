"""Thresholds, and the weights that they must keep clear of."""

import math

from mpi.domain.weight import Thresholds

FALSE_LINK_COST = 1000.0
"""How many missed links one false link is worth: it shows one child's history to another's school."""

REVIEW_BITS = 2.0
MARGIN_BITS = 3.0
CLEARANCE = 0.001
"""Bits that every threshold keeps from any weight a pair can have, so that engines agree on its band."""


def default_thresholds() -> Thresholds:
    """Thresholds from the cost of each error.

    Linking costs less than not linking where p / (1 - p) is above the cost ratio, so the link threshold is
    its logarithm.
    """
    return Thresholds(link=round(math.log2(FALSE_LINK_COST), 2), review=REVIEW_BITS, margin=MARGIN_BITS)
