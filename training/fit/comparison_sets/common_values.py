"""Common birth dates and postal codes, which often stand for "unknown".

They are recognized by their frequency in the data, not by what they are. In records of past centuries a
tenth of all people may be born on the first of January. Elsewhere one day, such as 1970-01-01, stands for
"unknown". An equal value that is common says less than another one. So it gets a level of its own, whose
weight is learned, in place of a fixed guard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from mpi.matching.model.record_conditions import FIRST_OF_JANUARY, all_of, equal
from mpi.standardize.shared_values import MIN_BIRTH_DATES
from training.fit.comparison_sets.contacts import POSTAL_CODE
from training.fit.comparisons import BIRTH_DATE, ComparisonSpec, LevelSpec

LEAST_VALUE_SHARE = 0.01
"""Least share of the known values from which one date or postal code is common."""
LEAST_DAY_SHARE = 0.02
"""Least share of the birth dates from which one day of the year is common; an even share is 0.3 %."""
LEAST_RATIO = 7.0
"""Least multiple of the median value's number of surnames."""
MIN_SURNAMES = MIN_BIRTH_DATES
"""Distinct surnames from which a value is common.

Many records of one person do not make a value common.
"""
MAX_VALUES = 12
COMMON_DATE_LABEL = "same, a date that many have"
COMMON_CODE_LABEL = "same postal code, which many have"


@dataclass(frozen=True, slots=True)
class CommonDates:
    """Birth dates and days of the year that many people share.

    Args:
        dates: ``YYYY-MM-DD``, commonest first.
        days: ``MM-DD``, commonest first.
    """

    dates: tuple[str, ...] = ()
    days: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether any date or day is common."""
        return bool(self.dates or self.days)


def find_common_postal_codes(records: pa.Table) -> tuple[str, ...]:
    """Find the postal codes that far more people have than others.

    Args:
        records: feature table.

    Returns:
        The codes, commonest first.
    """
    placed = _select_known(records, "postal_code")
    return _list_common(placed, "postal_code", LEAST_VALUE_SHARE)


def find_common_dates(records: pa.Table) -> CommonDates:
    """Find the birth dates that far more people have than others.

    Args:
        records: feature table.
    """
    born = _select_known(records, "birth_date")
    dates = _list_common(born, "birth_date", LEAST_VALUE_SHARE)
    others = born.filter(pc.invert(pc.is_in(born["birth_date"], pa.array(dates, pa.string()))))
    days = others.append_column("day", pc.utf8_slice_codeunits(others["birth_date"], 5))
    return CommonDates(dates, _list_common(days, "day", LEAST_DAY_SHARE))


def _select_known(records: pa.Table, column: str) -> pa.Table:
    """Select a column's known values, with the surname of each."""
    values = pa.table({column: records[column], "surname": records["surname"].fill_null("")})
    return values.filter(pc.is_valid(records[column]))


def _list_common(values: pa.Table, column: str, least_share: float) -> tuple[str, ...]:
    """List the values that far more people have than other values."""
    counts = values.group_by(column).aggregate([("surname", "count_distinct"), ("surname", "count")])
    if not len(counts):
        return ()
    people = counts["surname_count_distinct"]
    usual = pc.quantile(people, 0.5)[0].as_py()
    is_common = pc.and_(
        pc.greater_equal(people, max(MIN_SURNAMES, LEAST_RATIO * usual)),
        pc.greater_equal(counts["surname_count"], least_share * len(values)),
    )
    common = counts.filter(is_common).sort_by([("surname_count", "descending"), (column, "ascending")])
    return tuple(common[column].to_pylist()[:MAX_VALUES])


def separate_common_dates(comparison: ComparisonSpec, common: CommonDates) -> ComparisonSpec:
    """Give common birth dates their own level, and drop their guard."""
    if not common:
        return comparison
    if comparison.name == BIRTH_DATE.name:
        levels = [part for level in comparison.levels for part in _separate_level(level, common)]
        return replace(comparison, levels=tuple(levels))
    if "01-01" in common.days:
        return replace(comparison, levels=tuple(map(_drop_january_guard, comparison.levels)))
    return comparison


def separate_common_postal_codes(comparison: ComparisonSpec, codes: Sequence[str]) -> ComparisonSpec:
    """Give common postal codes a level of their own, after the others."""
    if not codes or comparison.name != POSTAL_CODE.name:
        return comparison
    is_rare = f"postal_code_l NOT IN ({_quote_all(codes)})"
    same = equal("postal_code")
    conditions = [level.condition or "" for level in comparison.levels]
    after = max(place for place, condition in enumerate(conditions) if condition.startswith(same)) + 1
    rare = [
        replace(level, condition=all_of(condition, is_rare)) if condition.startswith(same) else level
        for level, condition in zip(comparison.levels, conditions, strict=True)
    ]
    return replace(comparison, levels=(*rare[:after], LevelSpec(COMMON_CODE_LABEL, same), *rare[after:]))


def _quote_all(values: Sequence[str]) -> str:
    """Write texts of letters, digits, blanks and hyphens as SQL."""
    return ", ".join(f"'{value}'" for value in values)


def _separate_level(level: LevelSpec, common: CommonDates) -> tuple[LevelSpec, ...]:
    """Split the level of equal birth dates into rare and common ones."""
    if level.condition != equal("birth_date"):
        return (level,)
    is_rare = [
        f"{text} NOT IN ({_quote_all(values)})"
        for text, values in (("birth_date_l", common.dates), ("substr(birth_date_l, 6, 5)", common.days))
        if values
    ]
    return (
        replace(level, condition=all_of(equal("birth_date"), *is_rare)),
        replace(level, label=COMMON_DATE_LABEL),
    )


def _drop_january_guard(level: LevelSpec) -> LevelSpec:
    """Return a level without the guard against the first of January."""
    is_guard = level.fixed_bits is not None and FIRST_OF_JANUARY in (level.condition or "")
    return replace(level, fixed_bits=0.0) if is_guard else level
