"""Outgrown: an index of many more records than its model was fitted for.

The prior, how likely it is that two records at random are one child, is inside every match weight, and holds
for an index of one size. In one of twice as many records it is half as likely: every weight is then one bit
too high, and more pairs are linked, and asked about, than the thresholds mean.
"""

from dataclasses import dataclass
from math import log2

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index

REPORTED_FROM_BITS = 1.0


@dataclass(frozen=True, slots=True)
class CapacityExcess:
    """How far an index is beyond its model.

    Args:
        records: how many records the index has had.
        fitted_for: for how many the prior holds.
    """

    records: int
    fitted_for: int

    @property
    def bits(self) -> float:
        """By how much every match weight is too high."""
        return log2(self.records / self.fitted_for)


def find_capacity_excess(index: Index, viewer: Viewer) -> CapacityExcess | None:
    """How far an index is beyond the model in force; None where it is less than a bit.

    Args:
        index: the open index.
        viewer: who asks.
    """
    with index.database.read(viewer) as unit:
        records = unit.keys.max_record_id(index.config_id(unit))
    excess = CapacityExcess(records, index.matcher.model.index_size)
    return excess if records and excess.bits >= REPORTED_FROM_BITS else None
