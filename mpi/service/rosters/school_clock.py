"""Days from entering care until the school is known, against the agreement's clock."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil

from mpi.domain import clock
from mpi.storage.unit_of_work.units import ReadUnit

CLOCK = "school_known"
"""Name of the clock of an agreement: days within which a child's school must be known."""
LONGEST_STAY = 365
"""Children who entered care more days ago do not count: their school was found before, or another way."""


@dataclass(frozen=True, slots=True)
class SchoolClock:
    """How soon schools of children in care became known.

    Args:
        known: number of children whose school is known.
        median: days within which half of them were known; None for none.
        p90: days within which nine of ten were known; None for none.
        open_by_reason: number of children whose school is not known, by reason.
        limit: days that the agreement allows; None where it has no such clock.
        late: number of children without a school for longer than that.
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
        still_open: first day in care and reason, of each child without one.
    """
    today = clock.now().date()
    times = unit.commit_info({commit for _, commit in known})
    all_days = (
        _count_days(begin, date.fromisoformat(times[commit][0][:10]), today) for begin, commit in known
    )
    days = sorted(number for number in all_days if number is not None)
    rights = unit.viewer.rights
    limit = None if rights is None else rights.find_clock(CLOCK)
    waits = [_count_days(begin, today, today) for begin, _ in still_open]
    return SchoolClock(
        known=len(days),
        median=_find_quantile(days, 0.5),
        p90=_find_quantile(days, 0.9),
        open_by_reason=dict(Counter(reason for _, reason in still_open)),
        limit=limit,
        late=0 if limit is None else sum(wait is None or wait > limit for wait in waits),
    )


def _count_days(begin: str, until: date, today: date) -> int | None:
    """Return the days from a day until another; None for a stay that began too long ago."""
    if not begin or (today - date.fromisoformat(begin)).days > LONGEST_STAY:
        return None
    return max(0, (until - date.fromisoformat(begin)).days)


def _find_quantile(days: list[int], share: float) -> int | None:
    return days[ceil(share * len(days)) - 1] if days else None
