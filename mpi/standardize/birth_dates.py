"""Standardization of a record's current and previous birth dates."""

from typing import NamedTuple

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.dates import ParsedDate, is_future, parse_birth_date, swap_day_and_month
from mpi.standardize.text_folding import squeeze

_NO_DATE = ParsedDate()


class BirthDates(NamedTuple):
    """Standardized birth date values of a record.

    ``day`` is the column ``birth_date``, ``swapped`` is ``birth_date_swapped``, ``days`` is ``birth_dates``
    and ``year`` is ``birth_year``.
    """

    day: str | None = None
    swapped: str | None = None
    days: tuple[str, ...] = ()
    year: int | None = None


def parse_birth_dates(record: CanonicalRecord) -> BirthDates:
    """Parse a record's birth date and previous birth dates."""
    parsed = _parse_usable_date(record.birth_date, record.as_of)
    day = None if _is_placeholder_day(parsed.day, record.birth_date_quality) else parsed.day
    days = {day, *(_parse_usable_date(text, record.as_of).day for text in record.previous_birth_dates)}
    return BirthDates(
        day=day,
        swapped=swap_day_and_month(day) if day else None,
        days=tuple(sorted(valid_day for valid_day in days if valid_day)),
        year=parsed.year,
    )


def _parse_usable_date(text: str | None, as_of: str | None) -> ParsedDate:
    """Parse a birth date; nothing where it lies after the record's date."""
    if not text:
        return _NO_DATE
    parsed = parse_birth_date(text)
    return _NO_DATE if as_of and is_future(parsed, as_of) else parsed


def _is_placeholder_day(day: str | None, quality: str | None) -> bool:
    """Return whether a birth date is an estimate of the year alone.

    A source that estimates writes the first of January or of July, or the middle of a month. Unless
    the source says so, such a day is real: some 1 in 365 children are born on each.
    """
    if day is None or quality is None:
        return False
    quality_code = squeeze(quality)
    if quality_code == "ESTIMATED":
        return day.endswith(("-01-01", "-07-01", "-15"))
    return quality_code == "PLACEHOLDER"
