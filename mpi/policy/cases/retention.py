"""Retention: from which day a record is due to be destroyed.

No federal law names days for education records; 34 CFR 99.35(b) asks to destroy what was disclosed for a
study or audit when it is no longer needed [K]. The days are configuration, and without any nothing is due.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from mpi.domain.errors import InputError
from mpi.policy.cases.subject_rights import add_days

MAX_RETENTION_DAYS = 36_525
"""A hundred years."""


class RetentionBegin(StrEnum):
    """Event from which the days of a retention count."""

    EXIT = "exit"
    """The last exit from a school, placement or care that the record states; none while one is open."""
    LAST_SENT = "last_sent"
    """The last time at which the source stated the record."""
    AGREEMENT_END = "agreement_end"
    """The end of the agreement that the rule names."""


def check_retention(days: int | None, begins: str, agreement: str | None) -> None:
    """Refuse a retention that cannot be.

    Raises:
        InputError: the days are out of range, or the event is unknown or lacks its agreement.
    """
    if days is not None and not 0 <= days <= MAX_RETENTION_DAYS:
        raise InputError(f"retention_days: 0 to {MAX_RETENTION_DAYS:,} days")
    if begins not in set(RetentionBegin):
        raise InputError(f"retention_begins: one of {', '.join(RetentionBegin)}")
    if (begins == RetentionBegin.AGREEMENT_END) != (agreement is not None):
        raise InputError("retention_agreement: name it with agreement_end, and with nothing else")


def find_due_day(days: int | None, begun: date | None) -> date | None:
    """Return the day from which a record is due, or None.

    Args:
        days: days of the retention; None where records are kept.
        begun: day from which they count; None where it has not come.
    """
    return None if days is None or begun is None else add_days(begun, days)


def find_last_exit(ends: Iterable[str | None]) -> date | None:
    """Return the last day of some intervals that all have ended.

    Args:
        ends: last day of each interval (ISO); None for one that is open or cannot be read.

    Returns:
        The day; None where there is no interval, or one is open.
    """
    days = list(ends)
    if not days or any(day is None for day in days):
        return None
    return max(date.fromisoformat(day) for day in days if day is not None)
