"""Families: households, guardians, spaced births and twins."""

from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, draw_choices, draw_events, text_column
from training.simulate.people.blocks import Block
from training.simulate.people.names import HISPANIC, NameBook
from training.simulate.people.places import Addresses, draw_addresses, draw_phones, draw_towns
from training.simulate.rates import FamilyRates, Rates
from training.simulate.typing_errors import remove_accents

_HOMES_STAGE = 2
_DAYS_A_YEAR = 365.25
_DAYS_A_MONTH = _DAYS_A_YEAR / 12
_CHILDBEARING_YEARS = 12
"""Years over which families begin before the oldest child's birth.

Cohorts are even then.
"""

_BOYS_SHARE = 0.512  # of births
_MARRIED_NAME = 0.6  # mothers of two-parent homes who bear the father's surname [own assumption]


@dataclass(slots=True)
class Homes:
    """Simulated households, one entry each; guardian 1 is usually the mother."""

    group: Ints
    child_surname: Texts
    two_surnames: Bools
    father_named: Bools
    guardian1_first: Texts
    guardian1_last: Texts
    guardian2_first: Texts
    guardian2_last: Texts
    town: Ints
    address: Ints
    address_before: Ints
    moved: Bools
    phone: Texts
    phone_before: Texts
    email: Texts
    poor: Bools
    confidential: Bools

    def __len__(self) -> int:
        return len(self.group)


@dataclass(slots=True)
class Births:
    """Births of simulated children: home, day, sex (1 male), birth event."""

    home: Ints
    day: Dates
    male: Ints
    event: Ints
    multiple: Bools
    order: Ints

    def __len__(self) -> int:
        return len(self.home)


def draw_births(rng: Rng, children: int, rates: Rates) -> Births:
    """Draw simulated families with about so many children."""
    families = rates.families
    window = rates.state.oldest_years + 1
    span = window + _CHILDBEARING_YEARS
    mean = sum((n + 1) * share for n, share in enumerate(families.children_shares))
    homes = round(children * span / window / mean)
    births_per_home = draw_choices(rng, families.children_shares, homes) + 1
    home = np.repeat(np.arange(homes), births_per_home)
    first_birth = np.cumsum(births_per_home) - births_per_home
    days = _draw_event_days(rng, home, first_birth, families) + np.repeat(
        rng.random(homes) * span * _DAYS_A_YEAR, births_per_home
    )
    birth_days = rates.state.today - np.timedelta64(round(span * _DAYS_A_YEAR), "D") + days.astype(np.int64)
    oldest = np.datetime64(str(rates.state.today.astype("datetime64[Y]").astype(int) + 1970 - window), "Y")
    is_in_range = (birth_days <= rates.state.today) & (
        birth_days > _same_day_of_year(rates.state.today, oldest)
    )
    return _draw_children(rng, home[is_in_range], birth_days[is_in_range], families)


def _same_day_of_year(today: np.datetime64, year: np.datetime64) -> np.datetime64:
    """Return the day of another year as far into it as today."""
    offset = today - today.astype("datetime64[Y]").astype("datetime64[D]")
    return np.datetime64(year.astype("datetime64[D]") + offset)


def _draw_event_days(
    rng: Rng, home: Ints, first_birth: Ints, families: FamilyRates
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Draw the days from a family's first birth to each later birth."""
    months = families.spacing_median_months * np.exp(families.spacing_spread * rng.standard_normal(len(home)))
    gaps = np.maximum(months, families.spacing_least_months) * _DAYS_A_MONTH
    gaps[first_birth] = 0.0
    total = np.cumsum(gaps)
    return np.asarray(total - total[first_birth][home])


def _draw_children(rng: Rng, home: Ints, birth_days: Dates, families: FamilyRates) -> Births:
    """Draw the children of each birth, twins included."""
    # A child's chance of being a twin is twice an event's, so the event's is half (a third for triplets).
    shares = [
        1 - families.twin_births / 2 - families.triplet_births / 3,
        families.twin_births / 2,
        families.triplet_births / 3,
    ]
    size = draw_choices(rng, shares, len(home)) + 1
    event = np.repeat(np.arange(len(home)), size)
    _, homes = np.unique(home, return_inverse=True)
    order = np.arange(len(event)) - np.repeat(np.cumsum(size) - size, size)
    male = (rng.random(len(event)) < _BOYS_SHARE).astype(np.int64)
    return Births(
        home=np.repeat(homes.astype(np.int64), size),
        day=np.repeat(birth_days, size),
        male=male,
        event=event,
        multiple=np.repeat(size > 1, size),
        order=order,
    )


def draw_homes(block: Block, size: int, rates: Rates, book: NameBook) -> tuple[Homes, Addresses]:
    """Draw simulated households and the addresses where they live or lived."""
    rng = block.stage_generator(_HOMES_STAGE)
    families = rates.families
    group = draw_choices(rng, families.group_shares, size)
    town = draw_towns(rng, draw_choices(rng, rates.school.district_shares, size))
    moved = draw_events(rng, families.moved_recently, size)
    stayed_in_town = draw_events(rng, 0.7, size)
    town_before = np.where(
        stayed_in_town, town, draw_towns(rng, draw_choices(rng, rates.school.district_shares, size))
    )
    addresses = draw_addresses(rng, town, families.shared_building).concatenate(
        draw_addresses(rng, town_before, families.shared_building)
    )
    surname = book.draw_surnames(rng, group)
    mother = book.draw_surnames(rng, group)
    has_second = draw_events(rng, families.two_guardians, size)
    has_two_surnames = (group == HISPANIC) & draw_events(rng, families.two_surnames, size)
    is_hyphenated = (group != HISPANIC) & draw_events(rng, families.hyphenated, size)
    father_named = draw_events(rng, families.father_named, size)
    first = book.draw_given(rng, group, np.zeros(size, dtype=np.int64))
    second_first = np.where(has_second, book.draw_given(rng, group, np.ones(size, dtype=np.int64)), "")
    homes = Homes(
        group=group,
        child_surname=_choose_child_surnames(surname, mother, father_named, has_two_surnames, is_hyphenated),
        two_surnames=has_two_surnames,
        father_named=father_named & has_second,
        guardian1_first=first,
        guardian1_last=np.where(has_second & draw_events(rng, _MARRIED_NAME, size), surname, mother),
        guardian2_first=second_first,
        guardian2_last=np.where(has_second, surname, ""),
        town=addresses.town[:size],
        address=np.arange(size),
        address_before=np.arange(size) + np.where(moved, size, 0),
        moved=moved,
        phone=draw_phones(rng, size, block.number),
        phone_before=draw_phones(rng, size, block.number),
        email=_draw_emails(rng, first, mother),
        poor=draw_events(rng, families.poor, size),
        confidential=draw_events(rng, rates.care.address_confidential, size),
    )
    return homes, addresses


def _choose_child_surnames(
    father: Texts, mother: Texts, father_named: Bools, has_two_surnames: Bools, is_hyphenated: Bools
) -> Texts:
    """Choose the surname of a home's children: one parent's, or both."""
    surnames = np.where(father_named, father, mother)
    surnames[has_two_surnames] = father[has_two_surnames] + " " + mother[has_two_surnames]
    surnames[is_hyphenated] = father[is_hyphenated] + "-" + mother[is_hyphenated]
    return surnames


def _draw_emails(rng: Rng, first: Texts, last: Texts) -> Texts:
    """Draw e-mail addresses of invented domains."""
    numbers = rng.integers(1, 100, len(first)).tolist()
    names = zip(first, last, numbers, strict=True)
    return text_column(
        [f"{_keep_letters(f)}.{_keep_letters(s)}{number}@example.org" for f, s, number in names]
    )


def _keep_letters(name: str) -> str:
    """Return the lower-case letters of a name, without accents."""
    return "".join(letter for letter in remove_accents(name).lower() if letter.isalpha())
