"""Periods of care or enrollment that a record states.

A period runs from its first day until before its last. How dates are read, ``read_period`` says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from mpi.standardize.fields.dates import read_period

FROM_FLAG, FROM_PLACEMENT = "flag", "placement"
"""What states that a child is in care: a flag of the population, or a placement."""
_FOSTER_CARE = "foster_care"


class Period(NamedTuple):
    """Days ``[begin, end)`` of a record's child in care or in school.

    Args:
        kind: ``FROM_FLAG`` or ``FROM_PLACEMENT``; empty for an enrollment.
        begin: first day, or ``ALWAYS``.
        end: first day after it, or ``FOREVER``.
    """

    kind: str
    begin: str
    end: str


class CareTimes(NamedTuple):
    """Times in care of a child-welfare record, with its household.

    Args:
        periods: the periods, each kind without gaps and overlaps.
        household: the source's first household ID; None where it has none.
    """

    periods: tuple[Period, ...]
    household: str | None


def read_care_times(payload: bytes) -> CareTimes:
    """Return when a child-welfare record says that its child is in care.

    Placements that follow each other without a gap are one period. A placement counts only with its first
    day, as for the condition of legal responsibility.

    Args:
        payload: the record's content, as it is stored.
    """
    fields = orjson.loads(payload)
    flags = (
        _to_period(FROM_FLAG, flag, "begin", "end")
        for flag in fields.get("flags", ())
        if flag.get("population") == _FOSTER_CARE and flag.get("value") == "Y"
    )
    placements = (
        _to_period(FROM_PLACEMENT, placement, "begin", "end")
        for placement in fields.get("placements", ())
        if placement.get("begin") is not None
    )
    households = fields.get("household_ids", ())
    return CareTimes((*_join(flags), *_join(placements)), households[0] if households else None)


def read_enrollment_periods(payload: bytes) -> tuple[Period, ...]:
    """Return when a school's record says that its child is enrolled.

    Args:
        payload: the record's content, as it is stored.
    """
    enrollments = orjson.loads(payload).get("enrollments", ())
    last_days: dict[str, str] = {}
    for period in (_to_period("", enrollment, "entry_date", "exit_date") for enrollment in enrollments):
        last_days[period.begin] = max(period.end, last_days.get(period.begin, ""))
    return tuple(Period("", begin, end) for begin, end in sorted(last_days.items()) if begin < end)


def _to_period(kind: str, entry: Mapping[str, Any], begin: str, end: str) -> Period:
    return Period(kind, *read_period(entry.get(begin), entry.get(end)))


def _join(periods: Iterable[Period]) -> list[Period]:
    """Return periods of one kind, those that touch or overlap as one."""
    joined: list[Period] = []
    for period in sorted(period for period in periods if period.begin < period.end):
        if joined and period.begin <= joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, period.end))
        else:
            joined.append(period)
    return joined
