"""Choice of comparisons by the columns that records fill."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from mpi.matching.model.record_conditions import all_of, any_of, equal, similar
from training.fit.comparison_sets.common_values import (
    CommonDates,
    find_common_dates,
    find_common_postal_codes,
    separate_common_dates,
    separate_common_postal_codes,
)
from training.fit.comparison_sets.contacts import CONTACT_COMPARISONS, corroborate_by_postal_code
from training.fit.comparisons import COMPARISONS, FAMILY, RESIDENCE, ComparisonSpec, LevelSpec

HOME_COLUMNS = ("addresses", "street", "shared_homes", "household_ids", "guardians")
"""Feature columns that tell of a home, or of a family that has one."""
LEAST_HOME_SHARE = 0.01
"""Share of records with a home below which data counts as data without homes."""
LEAST_NUMBERED_SHARE = 0.5
"""Share of streets with a house number below which homes are known by their street alone."""
_WITHOUT_HOMES = (
    f"fewer than {LEAST_HOME_SHARE:.0%} of records have a home: postal code, phone and e-mail each count by "
    "itself"
)
_SAME_STREET = "same street"
_UNNUMBERED_STREET = LevelSpec(
    "same street, number unknown",
    all_of(
        "(street_number_l IS NULL OR street_number_r IS NULL)",
        similar("street", 0.95),
        any_of(map(equal, ("postal_code", "city"))),
    ),
)


@dataclass(frozen=True, slots=True)
class ComparisonSet:
    """Comparisons for a data set, and how they differ from the standard.

    Args:
        comparisons: the comparisons, in order.
        notes: sentences on what differs, for people.
    """

    comparisons: tuple[ComparisonSpec, ...]
    notes: tuple[str, ...] = ()


def choose_comparisons(records: pa.Table) -> ComparisonSet:
    """Choose the comparisons with which records are fitted.

    Args:
        records: ``unique_id`` and all feature columns.

    Returns:
        The standard comparisons, changed where the records lack homes or house numbers, or have birth dates
        that many share.
    """
    comparisons: Sequence[ComparisonSpec] = COMPARISONS
    notes = []
    if not has_homes(records):
        codes = find_common_postal_codes(records)
        comparisons = [separate_common_postal_codes(part, codes) for part in _split_residence(comparisons)]
        notes += [_WITHOUT_HOMES, *([_describe_common_codes(codes)] if codes else [])]
    elif not _has_house_numbers(records):
        comparisons = [_add_unnumbered_street(comparison) for comparison in comparisons]
        notes.append("most streets have no house number: a street in common counts without one")
    if common := find_common_dates(records):
        comparisons = [separate_common_dates(comparison, common) for comparison in comparisons]
        notes.append(_describe_common_dates(common))
    return ComparisonSet(tuple(comparisons), tuple(notes))


def has_homes(records: pa.Table) -> bool:
    """Return whether enough records have a home, household or guardian."""
    if not len(records):
        return True
    has_home = pa.chunked_array([pa.array([False] * len(records))])
    for column in HOME_COLUMNS:
        has_home = pc.or_(has_home, _is_filled(records[column]))
    return bool(pc.mean(has_home).as_py() >= LEAST_HOME_SHARE)


def _has_house_numbers(records: pa.Table) -> bool:
    """Return whether most streets have a house number."""
    streets = records.filter(pc.is_valid(records["street"]))
    if not len(streets):
        return True
    return bool(pc.mean(pc.is_valid(streets["street_number"])).as_py() >= LEAST_NUMBERED_SHARE)


def _is_filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which records have a value in a column, empty lists excluded."""
    if pa.types.is_list(column.type):
        return pc.fill_null(pc.greater(pc.list_value_length(column), 0), False)
    return pc.is_valid(column)


def _split_residence(comparisons: Iterable[ComparisonSpec]) -> list[ComparisonSpec]:
    """Replace the comparison of homes by one each of what stays."""
    chosen: list[ComparisonSpec] = []
    for comparison in comparisons:
        if comparison.name == RESIDENCE.name:
            chosen += CONTACT_COMPARISONS
        elif comparison.name == FAMILY.name:
            chosen.append(corroborate_by_postal_code(comparison))
        else:
            chosen.append(comparison)
    return chosen


def _add_unnumbered_street(comparison: ComparisonSpec) -> ComparisonSpec:
    """Add the level of streets without number to the comparison of homes."""
    if comparison.name != RESIDENCE.name:
        return comparison
    levels: list[LevelSpec] = []
    for level in comparison.levels:
        levels += [_UNNUMBERED_STREET, level] if level.label == _SAME_STREET else [level]
    return replace(comparison, levels=tuple(levels))


def _describe_common_dates(common: CommonDates) -> str:
    """Describe the birth dates that many share."""
    return f"birth dates that many share ({', '.join((*common.dates, *common.days))}) say less than others"


def _describe_common_codes(codes: Sequence[str]) -> str:
    """Describe the postal codes that many share."""
    return f"postal codes that many share ({', '.join(codes)}) say less than others"
