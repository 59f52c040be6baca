"""Writing down: what becomes of a child's names and birth date when a source records them."""

from dataclasses import dataclass

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, blank_column, rewrite_values, draw_events, to_iso_dates, text_column
from training.simulate.rates import MissingRates, NoiseRates

_TYPICAL_INFANT_DAYS = 365
_PLACEHOLDERS = {1: "Baby Boy", 0: "Baby Girl"}


@dataclass(slots=True)
class RecordedNames:
    """Names as written, where the given one is a placeholder, and how many times likelier each goes wrong."""

    first: Texts
    middle: Texts
    last: Texts
    suffix: Texts
    placeholder: Bools
    error_factor: "float | np.ndarray[tuple[int, ...], np.dtype[np.float64]]" = 1.0


def write_names(rng: Rng, names: RecordedNames, noise: NoiseRates, missing: MissingRates, *, upper: bool) -> RecordedNames:
    """Put the source's habits and mistakes on names, in place; placeholders stay as they are."""
    size = len(names.first)
    real = ~names.placeholder
    names.middle[draw_events(rng, missing.middle_name, size)] = ""
    names.suffix[draw_events(rng, missing.suffix, size)] = ""
    rewrite_values(names.first, real & draw_events(rng, noise.given_nickname, size), rng, typing_errors.to_nickname)
    rewrite_values(names.first, real & draw_events(rng, noise.given_variant, size), rng, typing_errors.respell)
    rewrite_values(
        names.first, real & draw_events(rng, noise.given_typo * names.error_factor, size), rng, typing_errors.misspell
    )
    rewrite_values(names.last, draw_events(rng, noise.surname_reduced, size), rng, _reduce_surname)
    rewrite_values(names.last, draw_events(rng, noise.surname_joined, size), rng, typing_errors.join_surnames)
    rewrite_values(names.last, draw_events(rng, noise.given_variant, size), rng, typing_errors.respell)
    rewrite_values(names.last, draw_events(rng, noise.surname_typo * names.error_factor, size), rng, typing_errors.misspell)
    _exchange_parts(rng, names, noise, real)
    every = np.ones(size, dtype=bool)
    plain = every if upper else draw_events(rng, noise.plain_letters, size)
    for column in (names.first, names.middle, names.last):
        rewrite_values(column, plain, rng, typing_errors.remove_accents)
        _finish_column(column, noise.truncated_at, upper=upper)
    return names


def _reduce_surname(text: str, draw: int) -> str:
    return typing_errors.keep_one_surname(text, draw) if " " in text or "-" in text else text


def _exchange_parts(rng: Rng, names: RecordedNames, noise: NoiseRates, real: Bools) -> None:
    """Initials, middle names in the first-name field, first and last name exchanged."""
    size = len(names.first)
    both = np.flatnonzero(real & (names.middle != "") & draw_events(rng, noise.middle_in_first, size))
    names.first[both] = names.first[both] + " " + names.middle[both]
    names.middle[both] = ""
    called = np.flatnonzero(real & (names.middle != "") & draw_events(rng, noise.goes_by_middle, size))
    names.first[called], names.middle[called] = names.middle[called], names.first[called]
    rewrite_values(names.middle, draw_events(rng, noise.middle_initial, size), rng, lambda text, _: text[:1])
    swapped = np.flatnonzero(real & draw_events(rng, noise.names_swapped * names.error_factor, size))
    names.first[swapped], names.last[swapped] = names.last[swapped], names.first[swapped]


def _finish_column(column: Texts, longest: int, *, upper: bool) -> None:
    written = [text[:longest].strip() for text in column]
    column[:] = text_column([text.upper() for text in written] if upper else written)


def draw_placeholders(rng: Rng, days_old: Ints, male: Ints, order: Ints, multiple: Bools, rate: float) -> Texts:
    """``Baby Boy`` and the like for some infants, with a letter for each of a multiple birth."""
    given = blank_column(len(male))
    rows = np.flatnonzero((days_old < _TYPICAL_INFANT_DAYS) & draw_events(rng, rate, len(male)))
    given[rows] = text_column([
        _PLACEHOLDERS[sex] + (f" {'ABCD'[place]}" if twin else "")
        for sex, place, twin in zip(
            male[rows].tolist(), order[rows].tolist(), multiple[rows].tolist(), strict=True
        )
    ])  # fmt: skip
    return given


def write_birth_dates(
    rng: Rng, days: Dates, noise: NoiseRates, missing: MissingRates, today: np.datetime64
) -> tuple[Texts, Texts]:
    """Birth dates and their quality as written: swapped, off by a day, a wrong digit, estimated, missing."""
    size = len(days)
    kind = rng.random(size)
    edges = np.cumsum(
        [noise.birth_off_by_one, noise.birth_swapped, noise.birth_wrong_digit, noise.birth_placeholder]
    )
    near = kind < edges[0]
    shifted = days - np.where(near, 1, 0).astype("timedelta64[D]")
    written = to_iso_dates(shifted)
    rewrite_values(written, (kind >= edges[0]) & (kind < edges[1]), rng, _swap_day_and_month)
    rewrite_values(written, (kind >= edges[1]) & (kind < edges[2]), rng, _change_date_part)
    estimated = (kind >= edges[2]) & (kind < edges[3])
    rewrite_values(written, estimated, rng, lambda text, _: f"{text[:4]}-01-01")
    last_day = str(today)
    too_late = np.fromiter((text > last_day for text in written), dtype=bool, count=size)
    written[too_late] = to_iso_dates(days)[too_late]
    quality = blank_column(size)
    quality[estimated & draw_events(rng, 0.5, size)] = "estimated"
    gone = draw_events(rng, missing.birth_date, size)
    written[gone], quality[gone] = "", ""
    return written, quality


def _swap_day_and_month(text: str, _draw: int) -> str:
    year, month, day = text.split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else text  # noqa: PLR2004 - months


def _change_date_part(text: str, draw: int) -> str:
    """Another year (off by 1 or 10), month or day; always a real date."""
    year, month, day = (int(part) for part in text.split("-"))
    kind = draw % 4
    if kind == 0:
        year += (1, -1, 10, -10)[(draw >> 4) % 4]
    elif kind == 1:
        month = (month + (draw >> 4) % 11) % 12 + 1
    else:
        day = (day + (draw >> 4) % 27) % 28 + 1
    return f"{year:04}-{month:02}-{min(day, 28):02}"
