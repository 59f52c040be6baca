"""Days until a child's school is known, against the agreement's clock.

They count from the first day in care. Children whose first day is not known are left out.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from mpi.domain import clock
from mpi.storage.unit_of_work.units import ReadUnit

CLOCK = "school_known"
"""Name of the clock of an agreement: days within which a child's school must be known."""
LONGEST_STAY = 365
"""Children who entered care more days ago do not count.

Nor do those who entered it before the index was made: their school was found another way.
"""
SETTLED = frozenset({"not-of-school-age", "other-state", "private-school"})
"""Reasons why no school of the state is to be found."""


@dataclass(frozen=True, slots=True)
class SchoolClock:
    """How soon schools of children in care became known.

    Args:
        known: number of children whose school is known.
        median: days within which half of them were known; None for none.
        p90: days within which nine of ten were known; None for none.
        open_by_reason: number of children whose school is not known, by reason.
        limit: days that the agreement allows; None where it has no such clock.
        late: number of children without a school for longer than that; those whose first day in care is not
            known do not count.
    """

    known: int
    median: int | None
    p90: int | None
    open_by_reason: Mapping[str, int]
    limit: int | None
    late: int


def measure_school_clock(
    unit: ReadUnit,
    known: Collection[tuple[str, int]],
    still_open: Collection[tuple[str, str]] = (),
) -> SchoolClock:
    """Measure how soon the schools of some children became known.

    Args:
        unit: the viewer's transaction.
        known: first day in care, and the commit since which the school is known, of each child with a school.
        still_open: first day in care (empty if not known) and reason, of each child without one.
    """
    today = clock.now().date()
    since = _find_first_day(unit, today)
    times = unit.commit_info({commit for _, commit in known})
    days = sorted(
        max(0, (date.fromisoformat(times[commit][0][:10]) - date.fromisoformat(begin)).days)
        for begin, commit in known
        if begin >= since
    )
    rights = unit.viewer.rights
    limit = None if rights is None else rights.find_clock(CLOCK)
    last_day = (today - timedelta(limit or 0)).isoformat()
    return SchoolClock(
        known=len(days),
        median=_find_quantile(days, 0.5),
        p90=_find_quantile(days, 0.9),
        open_by_reason=dict(Counter(reason for _, reason in still_open)),
        limit=limit,
        late=0
        if limit is None
        else sum("" < begin < last_day and reason not in SETTLED for begin, reason in still_open),
    )


def _find_first_day(unit: ReadUnit, today: date) -> str:
    """Return the day from which stays in care count.

    It is a year ago, or the day on which the index was made if that is later.
    """
    info = unit.configs.index_info()
    year_ago = (today - timedelta(LONGEST_STAY)).isoformat()
    return year_ago if info is None else max(year_ago, info.created_at[:10])


def _find_quantile(days: list[int], share: float) -> int | None:
    return days[ceil(share * len(days)) - 1] if days else None
