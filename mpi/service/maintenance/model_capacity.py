"""Check whether the index has outgrown its model's fitted size.

The prior, how likely it is that two records at random are one child, is part of every match weight and holds
for an index of one size. In an index of twice as many records it is half as likely: every weight is then one
bit too high, and more pairs are linked, or put to review, than the thresholds mean.
"""

from dataclasses import dataclass
from math import log2

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index

REPORTED_FROM_BITS = 1.0
"""Smallest excess of match weights that is reported, in bits."""


@dataclass(frozen=True, slots=True)
class CapacityExcess:
    """How far the index outgrew the size of its model.

    Args:
        records: number of records that the index has had.
        fitted_for: number of records for which the model's match prior holds.
    """

    records: int
    fitted_for: int

    @property
    def bits(self) -> float:
        """Excess of every match weight, in bits, due to the outgrown prior."""
        return log2(self.records / self.fitted_for)


def find_capacity_excess(index: Index, viewer: Viewer) -> CapacityExcess | None:
    """Return how far the index outgrew the record number of its model.

    Args:
        index: the open index.
        viewer: who asks.

    Returns:
        The excess, or None if it is less than ``REPORTED_FROM_BITS``.
    """
    with index.database.read(viewer) as unit:
        records = unit.keys.forward.max_record_id(index.config_id(unit))
    excess = CapacityExcess(records, index.matcher.model.index_size)
    return excess if records and excess.bits >= REPORTED_FROM_BITS else None
