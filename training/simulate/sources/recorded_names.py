"""Names and birth dates as a source records them, with its errors."""

from dataclasses import dataclass

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import (
    Bools,
    Dates,
    Ints,
    Rng,
    Texts,
    blank_column,
    draw_events,
    rewrite_values,
    text_column,
    to_iso_dates,
)
from training.simulate.rates import MissingRates, NoiseRates

_TYPICAL_INFANT_DAYS = 365
_MONTHS = 12
_PLACEHOLDERS = {1: "Baby Boy", 0: "Baby Girl"}


@dataclass(slots=True)
class RecordedNames:
    """Names as a simulated source records them, with placeholders marked."""

    first: Texts
    middle: Texts
    last: Texts
    suffix: Texts
    placeholder: Bools
    error_factor: "float | np.ndarray[tuple[int, ...], np.dtype[np.float64]]" = 1.0


def write_names(
    rng: Rng, names: RecordedNames, noise: NoiseRates, missing: MissingRates, *, upper: bool
) -> RecordedNames:
    """Apply a simulated source's habits and errors to names, in place.

    Placeholders stay as they are.

    Args:
        rng: random generator.
        names: the names; changed in place.
        noise: error rates of the source.
        missing: rates of missing values.
        upper: whether the source writes upper case without accents.
    """
    size = len(names.first)
    is_real = ~names.placeholder
    names.middle[draw_events(rng, missing.middle_name, size)] = ""
    names.suffix[draw_events(rng, missing.suffix, size)] = ""
    rewrite_values(
        names.first, is_real & draw_events(rng, noise.given_nickname, size), rng, typing_errors.to_nickname
    )
    rewrite_values(
        names.first, is_real & draw_events(rng, noise.given_variant, size), rng, typing_errors.respell
    )
    rewrite_values(
        names.first,
        is_real & draw_events(rng, noise.given_typo * names.error_factor, size),
        rng,
        typing_errors.misspell,
    )
    rewrite_values(names.last, draw_events(rng, noise.surname_reduced, size), rng, _reduce_surname)
    rewrite_values(names.last, draw_events(rng, noise.surname_joined, size), rng, typing_errors.join_surnames)
    rewrite_values(names.last, draw_events(rng, noise.given_variant, size), rng, typing_errors.respell)
    rewrite_values(
        names.last,
        draw_events(rng, noise.surname_typo * names.error_factor, size),
        rng,
        typing_errors.misspell,
    )
    _exchange_parts(rng, names, noise, is_real)
    all_rows = np.ones(size, dtype=bool)
    is_plain = all_rows if upper else draw_events(rng, noise.plain_letters, size)
    for column in (names.first, names.middle, names.last):
        rewrite_values(column, is_plain, rng, typing_errors.remove_accents)
        _finish_column(column, noise.truncated_at, upper=upper)
    return names


def _reduce_surname(text: str, draw: int) -> str:
    """Keep one of two surnames; leave a single surname as it is."""
    return typing_errors.keep_one_surname(text, draw) if " " in text or "-" in text else text


def _exchange_parts(rng: Rng, names: RecordedNames, noise: NoiseRates, is_real: Bools) -> None:
    """Exchange name parts: initials, middle names as first, swapped fields."""
    size = len(names.first)
    joined_rows = np.flatnonzero(
        is_real & (names.middle != "") & draw_events(rng, noise.middle_in_first, size)
    )
    names.first[joined_rows] = names.first[joined_rows] + " " + names.middle[joined_rows]
    names.middle[joined_rows] = ""
    middle_rows = np.flatnonzero(
        is_real & (names.middle != "") & draw_events(rng, noise.goes_by_middle, size)
    )
    names.first[middle_rows], names.middle[middle_rows] = names.middle[middle_rows], names.first[middle_rows]
    rewrite_values(names.middle, draw_events(rng, noise.middle_initial, size), rng, lambda text, _: text[:1])
    swapped_rows = np.flatnonzero(is_real & draw_events(rng, noise.names_swapped * names.error_factor, size))
    names.first[swapped_rows], names.last[swapped_rows] = names.last[swapped_rows], names.first[swapped_rows]


def _finish_column(column: Texts, longest: int, *, upper: bool) -> None:
    """Truncate names to a length, and upper-case them if wanted."""
    shortened = [text[:longest].strip() for text in column]
    column[:] = text_column([text.upper() for text in shortened] if upper else shortened)


def draw_placeholders(
    rng: Rng, days_old: Ints, male: Ints, order: Ints, multiple: Bools, rate: float
) -> Texts:
    """Draw placeholder names such as ``Baby Boy`` for some infants.

    Children of a multiple birth get a letter.
    """
    placeholder_names = blank_column(len(male))
    rows = np.flatnonzero((days_old < _TYPICAL_INFANT_DAYS) & draw_events(rng, rate, len(male)))
    placeholder_names[rows] = text_column([
        _PLACEHOLDERS[sex] + (f" {'ABCD'[position]}" if twin else "")
        for sex, position, twin in zip(
            male[rows].tolist(), order[rows].tolist(), multiple[rows].tolist(), strict=True
        )
    ])  # fmt: skip
    return placeholder_names


def write_birth_dates(
    rng: Rng, days: Dates, noise: NoiseRates, missing: MissingRates, today: np.datetime64
) -> tuple[Texts, Texts]:
    """Write birth dates with errors, and their quality.

    They are swapped, off by a day, with a wrong digit, estimated or missing.
    """
    size = len(days)
    kind = rng.random(size)
    edges = np.cumsum(
        [noise.birth_off_by_one, noise.birth_swapped, noise.birth_wrong_digit, noise.birth_placeholder]
    )
    is_off_by_one = kind < edges[0]
    shifted = days - np.where(is_off_by_one, 1, 0).astype("timedelta64[D]")
    dates = to_iso_dates(shifted)
    rewrite_values(dates, (kind >= edges[0]) & (kind < edges[1]), rng, _swap_day_and_month)
    rewrite_values(dates, (kind >= edges[1]) & (kind < edges[2]), rng, _change_date_part)
    is_estimated = (kind >= edges[2]) & (kind < edges[3])
    rewrite_values(dates, is_estimated, rng, lambda text, _: f"{text[:4]}-01-01")
    last_day = str(today)
    is_too_late = np.fromiter((text > last_day for text in dates), dtype=bool, count=size)
    dates[is_too_late] = to_iso_dates(days)[is_too_late]
    quality = blank_column(size)
    quality[is_estimated & draw_events(rng, 0.5, size)] = "estimated"
    is_missing = draw_events(rng, missing.birth_date, size)
    dates[is_missing], quality[is_missing] = "", ""
    return dates, quality


def _swap_day_and_month(text: str, _draw: int) -> str:
    """Swap day and month if both can be a month."""
    year, month, day = text.split("-")
    return f"{year}-{day}-{month}" if int(day) <= _MONTHS else text


def _change_date_part(text: str, draw: int) -> str:
    """Change the year, month or day to another real date."""
    year, month, day = (int(part) for part in text.split("-"))
    kind = draw % 4
    if kind == 0:
        year += (1, -1, 10, -10)[(draw >> 4) % 4]
    elif kind == 1:
        month = (month + (draw >> 4) % 11) % 12 + 1
    else:
        day = (day + (draw >> 4) % 27) % 28 + 1
    return f"{year:04}-{month:02}-{min(day, 28):02}"
