"""Keep guards against incomplete birth dates only where most are complete.

Where most records have a complete birth date, an incomplete one is a reason for doubt: somebody
guessed, or did not ask. Where sources record only years or ages, as a census does, it says nothing
about the record, and the weight of an equal year has been learned from all of them. The guards
against incomplete dates follow from this.
"""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from training.fit.comparisons import ComparisonSpec, LevelSpec

LEAST_COMPLETE_SHARE = 0.5


def measure_complete_dates(records: pa.Table) -> float:
    """Return the share of known birth dates that are complete.

    Args:
        records: feature table.

    Returns:
        A share from 0 to 1; 1 if no birth date is known.
    """
    known_count = pc.sum(pc.is_valid(records["birth_year"])).as_py() or 0
    complete_count = pc.sum(pc.is_valid(records["birth_date"])).as_py() or 0
    return complete_count / known_count if known_count else 1.0


def are_complete_dates_usual(complete_share: float) -> bool:
    """Return whether most birth dates are complete, an incomplete one an exception."""
    return complete_share >= LEAST_COMPLETE_SHARE


def drop_partial_date_guards(
    comparisons: Sequence[ComparisonSpec], complete_share: float
) -> list[ComparisonSpec]:
    """Neutralize levels that guard against incomplete birth dates, where these are usual.

    Args:
        comparisons: comparisons with their guards.
        complete_share: share of known birth dates that are complete.
    """
    if are_complete_dates_usual(complete_share):
        return list(comparisons)
    return [
        replace(comparison, levels=tuple(map(_drop_guard, comparison.levels))) for comparison in comparisons
    ]


def _drop_guard(level: LevelSpec) -> LevelSpec:
    """Return a comparison level, at 0 bits if guarding against incomplete dates."""
    return replace(level, fixed_bits=0.0) if level.partial_date_guard else level
