"""Meaning of a column by the form of its values."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from mpi.intake.cell_conversion import DateFormat
from mpi.intake.column_use import describe_shape
from mpi.standardize.fields.codes import SEX_CODES, YES_NO_CODES, is_sex_code, parse_flag_value, parse_sex
from mpi.standardize.missing_values import is_missing_marker

_DAYS = (
    "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y%m%d", "%m%d%Y",
    "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%m/%d/%y", "%d/%m/%y",
    "%m-%d-%y", "%d-%b-%y",
)  # fmt: skip
_TIMES = ("", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S", " %H:%M", "T%H:%M:%S")
_FORMATS = tuple((f"{day}{time}", DateFormat.parse(f"{day}{time}")) for day in _DAYS for time in _TIMES)
_ISO = re.compile(r"\d{4}-\d{2}(-\d{2})?([T ].*)?\Z")
_DAY_NUMBER = re.compile(r"[1-6]\d{4}(\.0)?\Z")
_MIN_SHARE = 0.9
_FEW = 0.02
_YEARS_OF_LIFE = 99
_MAX_DATES = 500
_MAX_FORMATS = 3
_FLAGS = "flags."
_POSSIBLE_SHARE = 0.5
_MAX_CHOICES = 6
_MAX_CODES = 12
_MAX_CODE_LENGTH = 20
_MIN_ROWS_OF_CODE = 3
_PLAUSIBLE_YEARS = range(1900, 2101)
_FORM_TESTS: dict[str, Callable[[str], object]] = {
    "sex": is_sex_code,
    "email": re.compile(r"[^@\s]+@[^@\s]+\.\w+\Z").match,
    "phone": re.compile(r"\+?[\d\s().x-]{7,20}\Z", re.IGNORECASE).match,
    "postal_code": re.compile(r"\d{3,5}(-?\d{4})?\Z|[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d\Z").match,
    "ssn": re.compile(r"\d{3}-?\d{2}-?\d{4}\Z|[*Xx-]{5,7}\d{4}\Z").match,
    "ssn_last4": re.compile(r"\d{1,4}\Z").match,
    "first_name": re.compile(r"[^\d@]+\Z").match,
    "middle_name": re.compile(r"[^\d@]+\Z").match,
    "last_name": re.compile(r"[^\d@]+\Z").match,
    "full_name": re.compile(r"[^\d@]+[ ,][^\d@]+\Z").match,
    "guardian_full_name": re.compile(r"[^\d@]+\Z").match,
    "city": re.compile(r"[^\d@]+\Z").match,
    "state": re.compile(r"[A-Za-z .]{2,20}\Z").match,
}  # fmt: skip
DATE_FIELDS = frozenset(("birth_date", "entry_date", "exit_date", "death_date"))
"""Fields that hold a day."""


def rate_form(target: str, texts: Sequence[str]) -> float | None:
    """Return the share of values that have a field's form.

    Args:
        target: the canonical field.
        texts: filled values of the column.

    Returns:
        None for a field that takes any form, and for a column without values.
    """
    test = _FORM_TESTS.get(target)
    values = _drop_markers(texts)
    if test is None or not values:
        return None
    return sum(test(value) is not None and bool(test(value)) for value in values) / len(values)


def find_form(texts: Sequence[str]) -> str | None:
    """Return the field whose form all values have: email or SSN.

    Returns:
        None where the values have another form; an SSN has hyphens.
    """
    values = _drop_markers(texts)
    if not values:
        return None
    if rate_form("email", values) == 1.0:
        return "email"
    if all(re.match(r"\d{3}-\d{2}-\d{4}\Z", value) for value in values):
        return "ssn"
    return None


def list_date_formats(texts: Sequence[str], chosen: str | None = None) -> tuple[list[str], float, bool]:
    """Return the formats in which dates are written.

    Args:
        texts: filled values of the column.
        chosen: format that a person has chosen, which comes first.

    Returns:
        The formats besides ISO; the share of values that they or ISO read; and whether day and month could
        also be exchanged in all values.
    """
    distinct = Counter(dict(Counter(_drop_markers(texts)).most_common(_MAX_DATES)))
    left = Counter({text: count for text, count in distinct.items() if not _ISO.match(text)})
    total, remaining = distinct.total(), left.total()
    formats: list[str] = []
    is_ambiguous = False
    if chosen is not None:
        formats.append(chosen)
        left = _drop_read(DateFormat.parse(chosen), left)
    while left and len(formats) < _MAX_FORMATS:
        # One column has one order of day and month: a second order would be guessed.
        swapped = {_swap_day(each) for each in formats}
        rated = [
            (_count_read(form, left), name, form)
            for name, form in _FORMATS
            if _get_day_part(name) not in swapped
        ]
        best = max(count for count, _, _ in rated)
        if best <= _FEW * remaining or not best:
            break
        equal = [(name, form) for count, name, form in rated if count == best]
        name, form = equal[0]
        is_ambiguous |= any(_swap(name) == other for other, _ in equal[1:])
        formats.append(name)
        left = _drop_read(form, left)
    return formats, (total - left.total()) / max(1, total), is_ambiguous


def list_possible_formats(texts: Sequence[str]) -> list[str]:
    """Return the formats that read most values as dates, best first.

    Args:
        texts: filled values of the column.
    """
    distinct = Counter(dict(Counter(_drop_markers(texts)).most_common(_MAX_DATES)))
    rated = [(_count_read(form, distinct), name) for name, form in _FORMATS]
    best = max(count for count, _ in rated)
    fitting = [(count, name) for count, name in rated if count and count >= _POSSIBLE_SHARE * best]
    return [name for _, name in sorted(fitting, key=lambda each: -each[0])][:_MAX_CHOICES]


def list_codes(texts: Sequence[str]) -> list[str]:
    """Return the codes of a column; nothing if it holds no codes.

    Codes are few, short, and shared by many rows. A column of names or numbers of children holds none, so
    that none is shown.

    Args:
        texts: filled values of the column.
    """
    distinct = {*_drop_markers(texts)}
    is_coded = (
        0 < len(distinct) <= min(_MAX_CODES, len(texts) / _MIN_ROWS_OF_CODE)
        and max(map(len, distinct)) <= _MAX_CODE_LENGTH
    )
    return sorted(distinct) if is_coded else []


def has_short_year(formats: Sequence[str]) -> bool:
    """Return whether a format has a year of two digits."""
    return any("%y" in each for each in formats)


def get_first_birth_year(today: date) -> int:
    """Return the first of the hundred years of living people's births."""
    return today.year - _YEARS_OF_LIFE


def is_day_number(texts: Sequence[str]) -> bool:
    """Return whether dates are written as spreadsheet day numbers, such as 40304."""
    values = _drop_markers(texts)
    return bool(values) and sum(bool(_DAY_NUMBER.match(value)) for value in values) >= _MIN_SHARE * len(
        values
    )


def make_flag_codes(texts: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the codes of a flag that need a translation.

    Returns:
        The value of each code that has to be stated, and the codes that mean nothing known.
    """
    distinct = sorted({*_drop_markers(texts)})
    unknown = [text for text in distinct if parse_flag_value(text) is None]
    if [text.casefold() for text in unknown] == ["x"]:
        return complete_codes(_FLAGS, texts, dict.fromkeys(unknown, "Y")), []
    return {}, unknown


def is_unknown_code(target: str, code: str) -> bool:
    """Return whether a code of a flag or the sex is unknown."""
    return parse_flag_value(code) is None if target.startswith(_FLAGS) else not is_sex_code(code)


def complete_codes(target: str, texts: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the translations of codes, completed with the known codes.

    A table of codes has to list every code. The values may be those of the first rows, so it also lists the
    standard codes that a later row may hold, in capitals, in small letters and as a title.

    Args:
        target: the canonical field, or ``flags.POPULATION``.
        texts: filled values of the column.
        chosen: value of each code; empty for a code without a meaning.
    """
    is_flag = target.startswith(_FLAGS)
    parse = parse_flag_value if is_flag else parse_sex
    standard = YES_NO_CODES if is_flag else SEX_CODES
    possible = {*texts, *standard, *map(str.title, standard), *map(str.lower, standard)}
    known = [text for text in sorted(_drop_markers(possible)) if not is_unknown_code(target, text)]
    return {**chosen, **{text: parse(text) or "" for text in known if text not in chosen}}


def list_common_shapes(texts: Sequence[str], count: int = 2) -> list[str]:
    """Return the commonest shapes of values, without their letters and digits."""
    shapes = Counter(describe_shape(text) for text in texts)
    return sorted(shapes, key=lambda shape: (-shapes[shape], shape))[:count]


def _drop_markers(texts: Iterable[str]) -> list[str]:
    """Return the values without texts that stand for no value."""
    return [text for text in texts if not is_missing_marker(text)]


def _count_read(form: DateFormat, texts: Counter[str]) -> int:
    """Return the number of values that a format reads as real dates."""
    return sum(count for text, count in texts.items() if _reads(form, text))


def _drop_read(form: DateFormat, texts: Counter[str]) -> Counter[str]:
    """Return the values that a format does not read."""
    return Counter({text: count for text, count in texts.items() if not _reads(form, text)})


def _reads(form: DateFormat, text: str) -> bool:
    """Return whether a format reads a text as a plausible date."""
    parts = form.parse_date(text)
    if parts is None:
        return False
    year, month, day = parts
    try:
        return date(year, month or 1, day or 1).year in _PLAUSIBLE_YEARS
    except ValueError:
        return False


def _get_day_part(name: str) -> str:
    """Return a format without its time of day."""
    return next(day for day in _DAYS if name.startswith(day))


def _swap_day(name: str) -> str:
    """Return the day of a format with its parts exchanged.

    It is empty where the exchange changes nothing.
    """
    day = _get_day_part(name)
    return _swap(day) if _swap(day) != day else ""


def _swap(name: str) -> str:
    """Return a format with day and month exchanged."""
    return name.replace("%m", "%\0").replace("%d", "%m").replace("%\0", "%d")
