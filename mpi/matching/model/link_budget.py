"""Budget of false links for enterprise IDs, as a model states it.

The fit chooses the link threshold that keeps the budget on its own data. What it expected there is part of
the model (``metrics.json``). ``mpi calibration`` tells what the model expects of an index.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.statistics.sampling import NORMAL_DEVIATE_95

LINKS = 10_000.0
"""Links to which a budget refers."""


@dataclass(frozen=True, slots=True)
class LinkBudget:
    """Budget of false links for enterprise IDs, beside what a fit expects.

    Args:
        allowed: false links that the budget allows among 10,000 links.
        link_bits: link threshold of the enterprise IDs, in bits.
        links: pairs of records that would be linked.
        false_links: expected number of them that are two people.
        within_source: number of them whose records are of one source; 0 if the data has one source.
        sufficient_bits: lowest weight of a link from which the budget holds; None if no weight is enough.
    """

    allowed: float
    link_bits: float
    links: int
    false_links: float
    within_source: int = 0
    sufficient_bits: float | None = None

    @property
    def expected(self) -> float:
        """Return the expected false links among 10,000 links."""
        return self._per_links(self.false_links)

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % limits of chance of the expected false links."""
        spread = NORMAL_DEVIATE_95 * math.sqrt(self.false_links)
        return self._per_links(max(self.false_links - spread, 0.0)), self._per_links(
            self.false_links + spread
        )

    @property
    def is_kept(self) -> bool:
        """Return whether the expected false links are within the budget."""
        return self.expected <= self.allowed

    def _per_links(self, false_links: float) -> float:
        return false_links / max(self.links, 1) * LINKS


def read_budget(metrics: Mapping[str, Any]) -> LinkBudget | None:
    """Read the budget that a model states.

    Args:
        metrics: content of the model's ``metrics.json``.

    Returns:
        The budget; None for an older model, which states none.

    Raises:
        TypeError: the budget is not one that a fit writes.
    """
    stated = metrics.get("link_budget")
    return LinkBudget(**stated) if isinstance(stated, dict) else None
