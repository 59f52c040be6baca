"""Birth dates of a record: the current one as far as it can be trusted, and earlier ones."""

from typing import NamedTuple

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.dates import ParsedDate, swap_day_and_month, is_future, parse_date
from mpi.standardize.text import squeeze

_NO_DATE = ParsedDate()


class BirthDates(NamedTuple):
    """See the columns ``birth_date``, ``birth_date_swapped``, ``birth_dates`` and ``birth_year``."""

    day: str | None = None
    swapped: str | None = None
    days: tuple[str, ...] = ()
    year: int | None = None


def parse_birth_dates(record: CanonicalRecord) -> BirthDates:
    """Read the record's birth date and its previous birth dates."""
    reading = _parse_usable_date(record.birth_date, record.as_of)
    day = None if _is_placeholder_day(reading.day, record.birth_date_quality) else reading.day
    days = {day, *(_parse_usable_date(text, record.as_of).day for text in record.previous_birth_dates)}
    return BirthDates(
        day=day,
        swapped=swap_day_and_month(day) if day else None,
        days=tuple(sorted(found for found in days if found)),
        year=reading.year,
    )


def _parse_usable_date(text: str | None, as_of: str | None) -> ParsedDate:
    """The reading of a birth date; nothing where it lies after the record's own statement."""
    if not text:
        return _NO_DATE
    reading = parse_date(text)
    return _NO_DATE if as_of and is_future(reading, as_of) else reading


def _is_placeholder_day(day: str | None, quality: str | None) -> bool:
    """Whether only the year of a date means anything, by what its source says of it.

    A source that estimates writes the first of January or of July, or the middle of a month. Without
    a word from the source such a day is a day: some 1 in 365 children are born on each.
    """
    if day is None or quality is None:
        return False
    said = squeeze(quality)
    if said == "ESTIMATED":
        return day.endswith(("-01-01", "-07-01", "-15"))
    return said == "PLACEHOLDER"
