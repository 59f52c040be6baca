"""Parsing of dates: whole, partial, sentinel and impossible ones.

Sentinels are dates that a system writes for "unknown". Sources: AFCARS 2020 final rule, 85 FR 28410
(years 7777 and 9999, date 66666666); the epochs of spreadsheets and databases (1899-12-30, 1900-01-01,
1753-01-01, 0001-01-01); keyboard fills (1111-11-11).
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from mpi.standardize.text_folding import CACHE_SIZE

EARLIEST_YEAR = 1900
"""Earliest year of a date that an agency records, such as an enrollment."""
EARLIEST_BIRTH_YEAR = 1500
"""Earliest year of a birth date.

Parish registers, the oldest records of births, begin in the 16th century. An earlier year is a slip of the
keyboard, such as 1012 for 2012. A mapping may set a later year for its source (``first_year``).
"""

_MONTHS = 12

_ISO = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ][0-9:.,]*(?:Z|[+-][0-9:]{2,6})?)?\Z")
# A program that takes a column for numbers writes 1915 as 1915.0.
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:\.0)?\Z")
_US = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: [0-9:.]+(?: ?[AaPp][Mm])?)?\Z")
_US_COMPACT = re.compile(r"([01][0-9])([0-3][0-9])((?:1[5-9]|20)[0-9]{2})\Z")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})\Z")
_YEAR = re.compile(r"([0-9]{4})(?:\.0)?\Z")

_SENTINEL_YEARS = frozenset((1, 1111, 2222, 2999, 3333, 4444, 5555, 6666, 7777, 8888, 9999))
_SENTINEL_DAYS = frozenset(
    ((0, 0, 0), (1753, 1, 1), (1800, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 1))
)
# East of Greenwich a day begins up to 14 hours before it does in UTC: a child born today on
# Guam is not born in the future.
_TIME_ZONE_GRACE = timedelta(days=1)


PARTIAL_DATE = "partial-date"
"""Quality code of a date whose year, or year and month, alone are known; it is compared."""
_SENTINEL_DATE = "sentinel-date"
ALWAYS, FOREVER = "", "9999-12-31"
"""First day, and day after the last, of a period that is open on that side.

They sort before and after every day.
"""


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """The parts of a written date, and its quality issue.

    Args:
        day: the date as ``YYYY-MM-DD``, if whole and real.
        year: the year, also of a partial date.
        issue: a quality code (``partial-date``, ``impossible-date``, ``sentinel-date``,
            ``unreadable-date``), or None.
        first_day: the day, or the first one of a partial date, ``YYYY-MM-DD``.
    """

    day: str | None = None
    year: int | None = None
    issue: str | None = None
    first_day: str | None = None


@lru_cache(CACHE_SIZE)
def parse_birth_date(text: str) -> ParsedDate:
    """Parse one written birth or death date, of any century since 1500.

    It accepts the same forms as ``parse_date``.
    """
    return _parse_date_since(text, EARLIEST_BIRTH_YEAR)


@lru_cache(CACHE_SIZE)
def parse_date(text: str) -> ParsedDate:
    """Parse one written date of an agency's own time.

    Accepts ``YYYY-MM-DD`` and ``YYYY/MM/DD`` (a time may follow; the day counts as written), ``YYYYMMDD``,
    ``MM/DD/YYYY``, ``MMDDYYYY``, ``YYYY-MM`` and ``YYYY``; a month or day of 00 makes the date partial.
    """
    return _parse_date_since(text, EARLIEST_YEAR)


def _parse_date_since(text: str, earliest_year: int) -> ParsedDate:
    """Parse one written date; one before the earliest year is impossible."""
    parts = _split_date(text)
    if parts is None:
        return ParsedDate(issue="unreadable-date")
    year, month, day = parts
    if year in _SENTINEL_YEARS or parts in _SENTINEL_DAYS:
        return ParsedDate(issue=_SENTINEL_DATE)
    if year < earliest_year or month > _MONTHS:
        return ParsedDate(issue="impossible-date")
    try:
        first_day = date(year, month or 1, (month and day) or 1).isoformat()
    except ValueError:
        return ParsedDate(issue="impossible-date")
    if not month or not day:
        return ParsedDate(year=year, issue=PARTIAL_DATE, first_day=first_day)
    return ParsedDate(first_day, year, first_day=first_day)


def to_iso_day(text: str | None) -> str | None:
    """Return the whole, real date of a text as ``YYYY-MM-DD``, else None."""
    return parse_date(text).day if text else None


def to_birth_day(text: str | None) -> str | None:
    """Return a text's whole, real birth date as ``YYYY-MM-DD``, else None."""
    return parse_birth_date(text).day if text else None


def read_period(begin: str | None, end: str | None) -> tuple[str, str]:
    """Return a period's first day, and the day after its last.

    Care, enrollments and flags are read so, and disclosure follows from them. A missing or sentinel date
    leaves the period open on that side. A partial date counts as its first day. With any other text the
    period is over, or has not begun: what cannot be read discloses nothing.

    Args:
        begin: first day as a source sent it.
        end: first day after the period, as sent.
    """
    return _read_bound(begin, ALWAYS, FOREVER), _read_bound(end, FOREVER, ALWAYS)


def is_within_period(begin: str | None, end: str | None, day: str) -> bool:
    """Return whether a day lies in a period of dates as sent.

    Args:
        begin: first day as a source sent it; see ``read_period``.
        end: first day after the period, as sent.
        day: the day, ``YYYY-MM-DD``.
    """
    first_day, end_day = read_period(begin, end)
    return first_day <= day < end_day


def _read_bound(text: str | None, missing: str, unreadable: str) -> str:
    parsed = parse_date(text) if text else None
    if parsed is None or parsed.issue == _SENTINEL_DATE:
        return missing
    return parsed.first_day or unreadable


def is_future(parsed: ParsedDate, as_of: str) -> bool:
    """Return whether a date lies after the time of its record.

    Args:
        parsed: the date.
        as_of: ISO timestamp in UTC. One day of grace covers the places that are ahead of UTC.
    """
    latest_day = _compute_latest_day(as_of[:10])
    if parsed.day is not None:
        return parsed.day > latest_day
    return parsed.year is not None and parsed.year > int(latest_day[:4])


@lru_cache
def _compute_latest_day(day: str) -> str:
    """Return the day after a UTC date, the latest anywhere on Earth."""
    return (date.fromisoformat(day) + _TIME_ZONE_GRACE).isoformat()


@lru_cache(CACHE_SIZE)
def swap_day_and_month(day: str) -> str | None:
    """Exchange day and month, where that is another real date.

    Args:
        day: a real date, ``YYYY-MM-DD``.
    """
    year, month, of_month = day.split("-")
    return f"{year}-{of_month}-{month}" if int(of_month) <= _MONTHS and month != of_month else None


def _split_date(text: str) -> tuple[int, int, int] | None:
    """Return year, month and day as written; 0 for a missing part."""
    # MMDDYYYY first: read as YYYYMMDD its month would be 15 to 20, so the two never compete.
    if match := _US.match(text) or _US_COMPACT.match(text):
        month, day, year = match.groups()
    elif match := _ISO.match(text) or _COMPACT.match(text):
        year, month, day = match.groups()
    elif match := _MONTH.match(text):
        year, month, day = *match.groups(), "0"
    elif match := _YEAR.match(text):
        year, month, day = match[1], "0", "0"
    else:
        return None
    return int(year), int(month), int(day)
