"""Whether whole birth dates are the rule among the records; the guards against others follow.

Where most records have a whole birth date, one that is not is a sign of doubt: somebody guessed, or did not
ask. Where sources write down years or ages only, as a census does, it says nothing of the record, and what a
year that agrees is worth has been learned from all of them.
"""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from training.fit.comparisons import ComparisonSpec, LevelSpec

LEAST_COMPLETE_SHARE = 0.5


def measure_complete_dates(records: pa.Table) -> float:
    """The share of the birth dates of a table of features that are whole; 1 where there are none."""
    known = pc.sum(pc.is_valid(records["birth_year"])).as_py() or 0
    whole = pc.sum(pc.is_valid(records["birth_date"])).as_py() or 0
    return whole / known if known else 1.0


def are_complete_dates_usual(whole: float) -> bool:
    """Whether a birth date that is not whole is an exception."""
    return whole >= LEAST_COMPLETE_SHARE


def drop_partial_date_guards(comparisons: Sequence[ComparisonSpec], whole: float) -> list[ComparisonSpec]:
    """The comparisons without their guards against birth dates that are not whole, where few are."""
    if are_complete_dates_usual(whole):
        return list(comparisons)
    return [replace(each, levels=tuple(map(_drop_guard, each.levels))) for each in comparisons]


def _drop_guard(level: LevelSpec) -> LevelSpec:
    return replace(level, fixed_bits=0.0) if level.partial_date_guard else level
