"""Conversion of file cells to text, numbers and ISO dates.

The functions are pure, and never invent a value.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from mpi.standardize.fields.dates import EARLIEST_BIRTH_YEAR, parse_birth_date
from mpi.standardize.fields.scalars import is_inexact, to_whole_number

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_DIRECTIVES = {
    "%Y": r"(?P<year>\d{4})",
    "%y": r"(?P<short_year>\d{2})",
    "%m": r"(?P<month>\d{1,2})",
    "%d": r"(?P<day>\d{1,2})",
    "%b": r"(?P<month_name>[A-Za-z]{3})",
    "%B": r"(?P<month_name>[A-Za-z]{3,9})",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%p": r"[AaPp]\.?[Mm]\.?",
    "%M": r"\d{2}",
    "%S": r"\d{2}(?:\.\d+)?",
}
_DIRECTIVE = re.compile(r"%.")
_LETTER_DIRECTIVES = frozenset({"%b", "%B", "%p"})

_POSIX_FIRST_YEAR = 1969
"""First of the hundred years of %y where a mapping states none, as in POSIX."""
_CENTURY = 100

_PLAUSIBLE_YEARS = range(EARLIEST_BIRTH_YEAR, 2151)
"""Years that make one reading of a date likelier than another.

No value is dropped for its year.
"""


def to_text(value: object) -> str | None:
    """Convert a file's cell to trimmed text; None where it is empty.

    A number without a fraction is written without one, since a nullable integer column often arrives as
    floats. A midnight without time zone is a date. Lists, objects and bytes are no text and give None.
    """
    if isinstance(value, str):
        return value.strip() or None
    if value is None or isinstance(value, list | dict | tuple | bytes):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _format_number(value)
    return _format_timestamp(value) if isinstance(value, datetime) else str(value)


def to_number(value: float | Decimal) -> object:
    """Convert a file's number so that record validation can read it.

    An integer lets validation restore leading zeros. A float that may have lost digits is left as it is, for
    validation to refuse.

    Returns:
        An integer where the number has no fraction, None where it is missing, else text.
    """
    if is_inexact(value):
        return value
    integer = to_whole_number(value)
    return to_text(value) if integer is None else integer


def _format_number(value: float | Decimal) -> str | None:
    """Write a number as text; None for NaN."""
    if math.isnan(value):
        return None
    integer = to_whole_number(value)
    if integer is not None:
        return str(integer)
    return repr(value) if isinstance(value, float) else f"{value:f}".rstrip("0")


def _format_timestamp(value: datetime) -> str:
    """Write a timestamp as ISO text; a date where it is midnight."""
    if value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if value.time() == datetime.min.time():
        return value.date().isoformat()
    return value.isoformat()


def _is_beside_digits(directive: re.Match[str], directives: Sequence[re.Match[str]]) -> bool:
    """Return whether a date directive adjoins another of digits, as in %Y%m%d.

    Then only the number of digits tells where one part ends.
    """
    edges = {directive.start(), directive.end()}
    digit_directives = [
        neighbor
        for neighbor in directives
        if neighbor is not directive and neighbor[0] not in _LETTER_DIRECTIVES
    ]
    return any(edges & {neighbor.start(), neighbor.end()} for neighbor in digit_directives)


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A ``strptime``-like date format, compiled to a regular expression.

    It matches by shape, so that impossible dates keep their parts.
    """

    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, template: str) -> "DateFormat":
        """Compile a format of ``%Y %y %m %d %b %B``.

        ``%H %I %M %S %p`` are matched and ignored.

        Raises:
            ValueError: another directive, one twice, or no year.
        """
        parts, position = [], 0
        directives = list(_DIRECTIVE.finditer(template))
        for directive_match in directives:
            if directive_match[0] not in _DIRECTIVES:
                raise ValueError(f"{directive_match[0]} is not one of {' '.join(_DIRECTIVES)}")
            directive = _DIRECTIVES[directive_match[0]]
            parts += [
                re.escape(template[position : directive_match.start()]),
                directive.replace("{1,2}", "{2}")
                if _is_beside_digits(directive_match, directives)
                else directive,
            ]
            position = directive_match.end()
        parts.append(re.escape(template[position:]))
        try:
            pattern = re.compile("".join(parts))
        except re.error as error:
            raise ValueError("a part of the date stands in it twice") from error
        if not pattern.groupindex.keys() & {"year", "short_year"}:
            raise ValueError("it has no year (%Y)")
        return cls(pattern)

    def parse_date(
        self, value: str, first_year: int | None = None
    ) -> tuple[int, int | None, int | None] | None:
        """Return year, month and day of a text in this format.

        Args:
            value: the text.
            first_year: first of the hundred years to which a two-digit year may belong; None for 1969.

        Returns:
            None where the text has another shape; a part is None where the format lacks it, and the month
            is 0 where its name is unknown.
        """
        match = self.pattern.fullmatch(value)
        if match is None:
            return None
        parts = match.groupdict()
        year = int(parts.get("year") or parts["short_year"])
        if "short_year" in parts:
            first = first_year or _POSIX_FIRST_YEAR
            year = first + (year - first) % _CENTURY
        if "month_name" in parts:
            short_name = parts["month_name"][:3].lower()
            month: int | None = _MONTHS.index(short_name) + 1 if short_name in _MONTHS else 0
        else:
            month = int(parts["month"]) if "month" in parts else None
        return year, month, int(parts["day"]) if "day" in parts else None


_ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?([T ].*)?")


def to_iso_date(value: str, formats: Sequence[DateFormat], first_year: int | None = None) -> str | None:
    """Convert a date in one of several formats to ISO text.

    Of several formats that fit, the first that gives a real and plausible date counts; else the first that
    fits, with its parts in order even if no such day exists, so that standardization can report the fault.
    A value that is ISO already, a partial date too, passes.

    Args:
        value: the text of a cell.
        formats: formats in which the dates are written.
        first_year: first of the hundred years to which a two-digit year may belong; None for 1969.

    Returns:
        ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``; None where nothing fits.
    """
    readings = [
        reading
        for date_format in formats
        if (reading := date_format.parse_date(value, first_year)) is not None
    ]
    if not readings:
        return value if _ISO_DATE.fullmatch(value) else None
    year, month, day = next(filter(_is_plausible, readings), readings[0])
    if month is None:
        return f"{year:04}"
    return f"{year:04}-{month:02}" if day is None else f"{year:04}-{month:02}-{day:02}"


def is_before_year(value: str, first_year: int) -> bool:
    """Return whether a date, whole or partial, lies before a year.

    Text that is no date does not: standardization reports it.
    """
    year = parse_birth_date(value).year
    return year is not None and year < first_year


def _is_plausible(reading: tuple[int, int | None, int | None]) -> bool:
    """Return whether a date exists and its year is plausible."""
    year, month, day = reading
    try:
        date(year, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        return False
    return year in _PLAUSIBLE_YEARS
