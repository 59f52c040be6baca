"""How late a source's records are: event to system, feed to index.

Pure functions. *Event to system* is the time from an event, such as a school entry, to the day on which its
source first stated it. *Feed to index* is the time from the moment at which a file was true to its load.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import quantiles

from mpi.domain.record import CanonicalRecord
from mpi.service.data_quality.field_measures import iterate_event_dates
from mpi.standardize.fields.dates import to_iso_day

_FEWEST = 2
"""Fewest delays of which quantiles are computed."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Delays of one kind, as the median and the ninetieth percentile.

    Args:
        kind: what is late, such as ``school entry`` or ``feed to index``.
        count: number of delays.
        median: in days.
        p90: in days.
    """

    kind: str
    count: int
    median: float
    p90: float


def summarize_delays(kind: str, days: Sequence[float]) -> Delay | None:
    """Return the median and the ninetieth percentile; None without delays."""
    if not days:
        return None
    if len(days) < _FEWEST:
        return Delay(kind, len(days), days[0], days[0])
    deciles = quantiles(days, n=10, method="inclusive")
    return Delay(kind, len(days), round(deciles[4], 2), round(deciles[8], 2))


def list_event_delays(versions: Iterable[tuple[str, CanonicalRecord]]) -> list[tuple[str, int]]:
    """Return kind and days of events that later versions state first.

    What the first version states is left out: it says nothing of when the source came to know it.

    Args:
        versions: as-of time and content of each version of one record, oldest first.
    """
    known: set[tuple[str, str]] | None = None
    delays = []
    for as_of, record in versions:
        events = {
            (kind, day) for kind, text in iterate_event_dates(record) if (day := to_iso_day(text)) is not None
        }
        if known is None:
            known = events
            continue
        for kind, day in sorted(events - known):
            days = (date.fromisoformat(as_of[:10]) - date.fromisoformat(day)).days
            if days >= 0:
                delays.append((kind, days))
        known |= events
    return delays


def measure_feed_delay(as_of: str, loaded_at: str) -> float:
    """Return the days from a statement to its load, at least 0."""
    seconds = (datetime.fromisoformat(loaded_at) - datetime.fromisoformat(as_of)).total_seconds()
    return max(0.0, seconds / 86_400)
