"""Due dates: by when a question is to be answered, from its kind and its expected harm. Pure.

A question that a person gave a date is due on that day instead.
"""

from collections.abc import Mapping
from datetime import date, timedelta

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
"""Days from the day on which it was first asked, by kind."""
DAYS_BY_HARM = ((3 * MILLIONTHS, 2), (1 * MILLIONTHS, 10))
"""(expected harm from which on, days at most), the greatest first."""


def compute_due_date(kind: str, harm: int, opened_at: str) -> str:
    """The day by which a task is to be answered, ``YYYY-MM-DD``.

    Args:
        kind: of the task.
        harm: its expected harm in millionths, as far as the reader may know of it.
        opened_at: when it was first asked (ISO, UTC).
    """
    return (date.fromisoformat(opened_at[:10]) + timedelta(days=_days_to_answer(kind, harm))).isoformat()


def compute_due_cutoffs(today: str) -> dict[tuple[str, int], list[str]]:
    """What is due by a day: by (the last day on which it was first asked, least harm), the kinds."""
    day = date.fromisoformat(today)
    cutoffs: dict[tuple[str, int], list[str]] = {}
    for kind in DAYS_BY_KIND:
        for min_harm in (*(harm for harm, _ in DAYS_BY_HARM), -MILLIONTHS):
            last_day = (day - timedelta(days=_days_to_answer(kind, min_harm))).isoformat()
            cutoffs.setdefault((last_day, min_harm), []).append(kind)
    return cutoffs


def _days_to_answer(kind: str, harm: int) -> int:
    max_days = DAYS_BY_KIND.get(kind, DAYS_BY_KIND["pair"])
    return min([max_days, *(days for min_harm, days in DAYS_BY_HARM if harm >= min_harm)])
