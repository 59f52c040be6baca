"""Due dates of review questions: computed from kind and harm, or set.

A due date that a person set takes precedence over the computed one.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.service.resolution.expected_harm import MILLIONTHS

DAYS_BY_KIND: Mapping[str, int] = {
    "pair": 30,
    "multiple": 30,
    "conflict": 5,
    "recheck": 30,
    "claim": 5,
    "approval": 3,
    "overlay": 2,
}
"""Days from opening a task to its due date, by kind."""
DAYS_BY_HARM = ((3 * MILLIONTHS, 2), (1 * MILLIONTHS, 10))
"""Limits on the days to answer, by least expected harm in millionths.

Pairs of (least expected harm, most days), greatest harm first.
"""
MAX_DEFERRAL = timedelta(days=366)
"""Longest time for which a question can be deferred."""


def compute_due_date(kind: str, harm: int, opened_at: str) -> str:
    """Return the day by which a review task is due, ``YYYY-MM-DD``.

    Args:
        kind: the task kind.
        harm: expected harm of the task in millionths, as far as the reader may see the reason for it.
        opened_at: when the task was opened (ISO, UTC).
    """
    return (
        date.fromisoformat(opened_at[:10]) + timedelta(days=_count_days_to_answer(kind, harm))
    ).isoformat()


def compute_due_cutoffs(today: str) -> dict[tuple[str, int], list[str]]:
    """Compute for each kind which review tasks are due by a day.

    Args:
        today: the day, ``YYYY-MM-DD``.

    Returns:
        Task kinds by (last opening day, least expected harm in millionths). A task of such a kind and at
        least that harm is due if it was opened on or before that day.
    """
    day = date.fromisoformat(today)
    cutoffs: dict[tuple[str, int], list[str]] = {}
    for kind in DAYS_BY_KIND:
        for min_harm in (*(harm for harm, _ in DAYS_BY_HARM), -MILLIONTHS):
            last_day = (day - timedelta(days=_count_days_to_answer(kind, min_harm))).isoformat()
            cutoffs.setdefault((last_day, min_harm), []).append(kind)
    return cutoffs


def parse_future_day(text: str, field_name: str, min_days: int = 1) -> str:
    """Parse a day within the next year.

    Args:
        text: the day, ``YYYY-MM-DD``.
        field_name: name of the field, for the error message.
        min_days: least days from today; 0 permits today.

    Raises:
        InputError: the text is not a date, or the day is past or more than a year ahead.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{field_name}: give a date, YYYY-MM-DD") from None
    today = date.fromisoformat(clock.today())
    if not today + timedelta(days=min_days) <= day <= today + MAX_DEFERRAL:
        raise InputError(f"{field_name}: give a future day within a year")
    return day.isoformat()


def _count_days_to_answer(kind: str, harm: int) -> int:
    """Return how many days stewards have to answer a review task."""
    max_days = DAYS_BY_KIND.get(kind, DAYS_BY_KIND["pair"])
    return min([max_days, *(days for min_harm, days in DAYS_BY_HARM if harm >= min_harm)])
