"""Ages as people read them."""

from datetime import date

from mpi.api.pages.rendering.page_texts import format_count, load_words

_MONTHS_OF_YEAR = 12
_MIN_YEARS = 2
"""Age in years from which months are left out."""


def format_age(birth_date: str | None, today: str) -> str:
    """Format a child's age on a day, in years or months.

    Returns:
        Empty if the birth date is not whole, or after the day.
    """
    born, day = _parse_day(birth_date), _parse_day(today)
    if born is None or day is None or born > day:
        return ""
    months = (day.year - born.year) * _MONTHS_OF_YEAR + day.month - born.month - (day.day < born.day)
    years = months // _MONTHS_OF_YEAR
    texts = load_words().child
    return str(
        format_count(texts.years, years) if years >= _MIN_YEARS else format_count(texts.months, months)
    )


def _parse_day(text: str | None) -> date | None:
    """Return the day of an ISO date or time, or None."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
