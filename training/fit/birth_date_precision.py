"""Whether whole birth dates are the rule among the records; the guards against others follow.

Where most records have a whole birth date, one that is not is a sign of doubt: somebody guessed, or did not
ask. Where sources write down years or ages only, as a census does, it says nothing of the record, and what a
year that agrees is worth has been learned from all of them.
"""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from training.fit.comparisons import Comparison, Level

LEAST_WHOLE = 0.5


def whole_dates(records: pa.Table) -> float:
    """The share of the birth dates of a table of features that are whole; 1 where there are none."""
    known = pc.sum(pc.is_valid(records["birth_year"])).as_py() or 0
    whole = pc.sum(pc.is_valid(records["birth_date"])).as_py() or 0
    return whole / known if known else 1.0


def are_rule(whole: float) -> bool:
    """Whether a birth date that is not whole is an exception."""
    return whole >= LEAST_WHOLE


def trusting(comparisons: Sequence[Comparison], whole: float) -> list[Comparison]:
    """The comparisons without their guards against birth dates that are not whole, where few are."""
    if are_rule(whole):
        return list(comparisons)
    return [replace(each, levels=tuple(map(_trusting, each.levels))) for each in comparisons]


def _trusting(level: Level) -> Level:
    return replace(level, fixed=0.0) if level.partial else level
