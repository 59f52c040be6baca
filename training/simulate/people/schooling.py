"""Schooling: enrollment, district, grade and school of each child, with dates."""

from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, draw_events, text_column
from training.simulate.people.care import TRIAL_HOME_VISIT, Care
from training.simulate.people.families import Births, Homes
from training.simulate.people.places import TOWN_REGIONS, Addresses, draw_towns, to_district_codes
from training.simulate.rates import Rates

GRADES = ("PK", "KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
_PRESCHOOL_FROM, _SCHOOL_FROM, _LEAVERS_FROM = 3, 5, 18
MIDDLE_FROM, HIGH_FROM = GRADES.index("06"), GRADES.index("09")
_SCHOOLS_A_LEVEL = 6


@dataclass(slots=True)
class Schooling:
    """School facts of simulated children, one entry per child.

    ``town_before`` is the town of the school left, if the child ``moved``.
    """

    enrolled: Bools
    leaver: Bools
    moved: Bools
    town: Ints
    town_before: Ints
    grade: Texts
    level: Texts
    number: Ints
    entry: Dates
    exit_before: Dates
    exit: Dates

    @property
    def on_file(self) -> Bools:
        """Which simulated children the state's student file knows."""
        return np.asarray(self.enrolled | self.leaver)

    def remove_deceased(self, died: Dates) -> None:
        """End the enrollment of children who died, on the day of death.

        A move after that day never happened.
        """
        is_dead = ~np.isnat(died)
        self.leaver |= self.enrolled & is_dead
        self.enrolled &= ~is_dead
        self.moved &= ~is_dead
        self.exit = np.where(is_dead & self.leaver, died, self.exit)
        self.entry = np.where(is_dead, np.fmin(self.entry, died), self.entry)

    def school_codes(self, rows: Ints, *, before_move: bool = False) -> tuple[Texts, Texts]:
        """Return children's school and district codes, now or before a move."""
        districts = to_district_codes((self.town_before if before_move else self.town)[rows])
        numbers = (self.number[rows] + (1 if before_move else 0)).tolist()
        schools = [f"{d}-{lv}{n}" for d, lv, n in zip(districts, self.level[rows], numbers, strict=True)]
        return text_column(schools), districts


def draw_schooling(
    rng: Rng, births: Births, homes: Homes, care: Care, addresses: Addresses, rates: Rates
) -> Schooling:
    """Draw simulated children's enrollment; keep some who left on file."""
    size, school, today = len(births), rates.school, rates.state.today
    age = ((today - births.day).astype(np.int64) / 365.25).astype(np.int64)
    of_age = (age >= _SCHOOL_FROM) & (age < _LEAVERS_FROM)
    rate = np.where(care.in_care, school.in_care_enrolled, school.public)
    is_enrolled = of_age & draw_events(rng, rate, size)
    is_enrolled |= (age >= _PRESCHOOL_FROM) & (age < _SCHOOL_FROM) & draw_events(rng, school.preschool, size)
    is_leaver = (age >= _LEAVERS_FROM) & draw_events(rng, school.leaver_on_file, size)
    town = _choose_school_towns(rng, births, homes, care, addresses)
    has_moved = draw_events(
        rng,
        np.where(care.in_care | care.left_care, school.moved_in_care, school.moved_between_districts),
        size,
    )
    region_before = (TOWN_REGIONS[town] + rng.integers(1, 3, size)) % 3
    grade = np.clip(age - _SCHOOL_FROM + 1, 0, len(GRADES) - 1)
    moved_on = today - rng.integers(20, 500, size).astype("timedelta64[D]")
    entry = _draw_entry_days(today, age, rng)
    entry = np.where(has_moved, moved_on + np.timedelta64(4, "D"), entry)
    never = np.datetime64("NaT", "D")
    level = np.where(grade >= HIGH_FROM, "H", np.where(grade >= MIDDLE_FROM, "M", "E"))
    return Schooling(
        enrolled=is_enrolled,
        leaver=is_leaver,
        moved=has_moved & (is_enrolled | is_leaver),
        town=town,
        town_before=draw_towns(rng, region_before),
        grade=text_column(GRADES)[grade],
        level=level.astype(object),
        number=rng.integers(1, _SCHOOLS_A_LEVEL + 1, len(homes))[births.home],
        entry=entry,
        exit_before=np.where(has_moved, moved_on, never),
        exit=np.where(is_leaver, _draw_exit_days(today, rng, size), never),
    )


def _choose_school_towns(rng: Rng, births: Births, homes: Homes, care: Care, addresses: Addresses) -> Ints:
    """Return the town of each simulated child's school.

    Half of the children in care stay at the school of origin.
    """
    town = homes.town[births.home]
    home_town = np.where(care.address >= 0, addresses.town[care.address], town)
    stays_at_origin = care.in_care & draw_events(rng, 0.5, len(births))
    return np.where(stays_at_origin | (care.setting == TRIAL_HOME_VISIT), town, home_town)


def _draw_entry_days(today: np.datetime64, age: Ints, rng: Rng) -> Dates:
    """Draw school entry days in late August, up to four years ago."""
    years = np.minimum(rng.integers(0, 5, len(age)), np.maximum(age - _PRESCHOOL_FROM, 0))
    august = today.astype("datetime64[Y]") - years.astype("timedelta64[Y]")
    start = august.astype("datetime64[M]") + np.timedelta64(7, "M")
    return np.asarray(start.astype("datetime64[D]") + rng.integers(13, 29, len(age)).astype("timedelta64[D]"))


def _draw_exit_days(today: np.datetime64, rng: Rng, size: int) -> Dates:
    """Draw school exit days in June of the last two years."""
    years = today.astype("datetime64[Y]") - rng.integers(0, 2, size).astype("timedelta64[Y]")
    june = years.astype("datetime64[M]") + np.timedelta64(5, "M")
    return np.asarray(june.astype("datetime64[D]") + rng.integers(0, 12, size).astype("timedelta64[D]"))
