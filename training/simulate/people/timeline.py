"""When everything happened: the days on which a state seen at its end came to be what it is.

A state for weekly feeds is drawn as of the last week, with everybody who lived in it in any week before. What
``draw_state`` leaves undated gets its day here; ``moments`` then shows the state as it was on any day.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, blank_column, draw_events
from training.simulate.people.care import FOSTER_HOME
from training.simulate.people.flags import school_opening_day
from training.simulate.people.population import SimulatedState
from training.simulate.rates import Rates

_STAGE = 9
DAYS_A_WEEK = 7
_DAYS_A_YEAR = 365.25
_WEEKS_A_YEAR = 52
NEVER = np.datetime64("NaT", "D")
_MAX_RATE = 0.95
_RECENT_DAYS = 730
"""``moved_recently`` is of so many days."""
_MOVE_DAYS = 480
"""``moved_between_districts`` is of so many days."""
_SETTLING_DAYS = 30
_ENTERED_AFTER_MOVE = np.timedelta64(4, "D")
_KINDERGARTEN_AGE, _YEARS_OF_SCHOOL = 5, 13
_PRESCHOOL_YEARS = 3
_KNOWN_BEFORE_REMOVAL_DAYS = 400
_GROWN_DAYS = 21 * 366
"""Of age to be dropped from child welfare's books."""


@dataclass(slots=True)
class Timeline:
    """One entry a child, save those of homes; a day is NaT where the thing never happens.

    Args:
        start: the first day that a feed tells of.
        end: the last.
        home_moved_on: of each home, when it left its former address.
        school_starts_on: first day at a public school, if ever.
        kindergarten_year: the year in which the child is of age for it.
        school_ends_on: last day at a public school: graduated, gone from the state, or dead.
        dropped_on: when the school takes a leaver off its books.
        moved_on: last day in the district left.
        known_on: when child welfare first registers the child.
        closed_on: when child welfare drops a client: grown up, or never placed and long closed.
        expunged_on: when such a client is expunged.
        earlier_address: foster home before the present placement; -1 where there is none to be had.
        earlier_first: given name of the carer there.
        earlier_last: surname of the carer there.
    """

    start: np.datetime64
    end: np.datetime64
    home_moved_on: Dates
    school_starts_on: Dates
    kindergarten_year: Ints
    school_ends_on: Dates
    dropped_on: Dates
    moved_on: Dates
    known_on: Dates
    closed_on: Dates
    expunged_on: Dates
    earlier_address: Ints
    earlier_first: Texts
    earlier_last: Texts

    @property
    def entered_on(self) -> Dates:
        """First day in the district moved to."""
        return self.moved_on + _ENTERED_AFTER_MOVE

    def find_pupils(self) -> Bools:
        """Children whom a school has on its books in some week."""
        return np.asarray((self.school_starts_on <= self.end) & (self.dropped_on > self.start))


def extend_rates(rates: Rates, weeks: int) -> Rates:
    """The rates of a cast that lives through so many weeks: older, and oftener moved and placed."""
    span = _span_days(weeks)
    older = replace(rates.state, oldest_years=rates.state.oldest_years + ceil(weeks / _WEEKS_A_YEAR))
    moved = min(_MAX_RATE, rates.families.moved_recently * span / _RECENT_DAYS)
    since = rates.care.left_care_mean_days + weeks * DAYS_A_WEEK
    left = min(_MAX_RATE, rates.care.family_left_care * since / rates.care.left_care_mean_days)
    return replace(
        rates,
        state=older,
        families=replace(rates.families, moved_recently=moved),
        care=replace(rates.care, family_left_care=left, left_care_mean_days=since),
    )


def _span_days(weeks: int) -> int:
    return max(_RECENT_DAYS, weeks * DAYS_A_WEEK)


def draw_timeline(state: SimulatedState, weeks: int) -> Timeline:
    """Date what happened to the people of a state; its schooling is told by the timeline from now on."""
    rng, rates, births = state.block.stage_generator(_STAGE), state.rates, state.births
    end = rates.state.today
    start = end - np.timedelta64(weeks * DAYS_A_WEEK, "D")
    span = _span_days(weeks)
    home_moved = np.where(state.homes.moved, _draw_days_before(rng, end, span, len(state.homes)), NEVER)
    came, went = _draw_migrations(rng, state, weeks)
    begins, kindergarten = _draw_school_starts(rng, state, came)
    ends = _draw_school_ends(rng, kindergarten, went[births.home], state.people.died)
    begins = np.where(begins < ends, begins, NEVER)
    kept = rng.integers(8 * DAYS_A_WEEK, 80 * DAYS_A_WEEK, len(births))
    moved_on = _draw_district_moves(rng, state, span, begins, ends)
    known_on, closed_on, expunged_on = _draw_case_days(rng, state)
    address, first, last = _draw_earlier_homes(rng, state)
    return Timeline(
        start=start,
        end=end,
        home_moved_on=home_moved,
        school_starts_on=begins,
        kindergarten_year=kindergarten,
        school_ends_on=ends,
        dropped_on=ends + kept.astype("timedelta64[D]"),
        moved_on=moved_on,
        known_on=np.fmax(known_on, came[births.home]),
        closed_on=closed_on,
        expunged_on=expunged_on,
        earlier_address=address,
        earlier_first=first,
        earlier_last=last,
    )


def _draw_days_before(rng: Rng, end: np.datetime64, days: int, size: int) -> Dates:
    before: Dates = end - rng.integers(1, days + 1, size).astype("timedelta64[D]")
    return before


def _draw_migrations(rng: Rng, state: SimulatedState, weeks: int) -> tuple[Dates, Dates]:
    """When each home came to the state and left it, within the weeks told of; mostly never."""
    feed, size, care = state.rates.feed, len(state.homes), state.care
    days, end = weeks * DAYS_A_WEEK, state.rates.state.today
    years = days / _DAYS_A_YEAR
    if not weeks:
        return np.full(size, NEVER), np.full(size, NEVER)
    known = np.zeros(size, dtype=bool)
    known[state.births.home[care.is_known]] = True
    placed = np.zeros(size, dtype=bool)
    placed[state.births.home[care.in_care | care.left_care]] = True
    came = draw_events(rng, min(_MAX_RATE, feed.newcomers_a_year * years), size) & ~placed
    went = draw_events(rng, min(_MAX_RATE, feed.departures_a_year * years), size) & ~known & ~came
    return (
        np.where(came, _draw_days_before(rng, end, days, size), NEVER),
        np.where(went, _draw_days_before(rng, end, days, size), NEVER),
    )


def _draw_school_starts(rng: Rng, state: SimulatedState, came: Dates) -> tuple[Dates, Ints]:
    """First day at a public school and the year of kindergarten, as five-year-olds of a September have it."""
    births, school, size = state.births, state.rates.school, len(state.births)
    years = births.day.astype("datetime64[Y]")
    september = np.array(years.astype("datetime64[M]") + np.timedelta64(8, "M"), dtype="datetime64[D]")
    late = births.day >= september
    kindergarten = years.astype(np.int64) + 1970 + _KINDERGARTEN_AGE + late
    public = draw_events(rng, np.where(state.care.in_care, school.in_care_enrolled, school.public), size)
    early = draw_events(rng, school.preschool, size) * rng.integers(1, _PRESCHOOL_YEARS, size)
    first = (kindergarten - early - 1970).astype("datetime64[Y]")
    begins = school_opening_day(first) + rng.integers(-2, 14, size).astype("timedelta64[D]")
    late_comers = came[births.home] + rng.integers(5, 30, size).astype("timedelta64[D]")
    return np.where(public, np.fmax(begins, late_comers), NEVER), kindergarten


def _draw_school_ends(rng: Rng, kindergarten: Ints, went: Dates, died: Dates) -> Dates:
    """Graduation in June, or the day on which the family left or the child died."""
    june = (kindergarten + _YEARS_OF_SCHOOL - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    graduated = (june + np.timedelta64(5, "M")).astype("datetime64[D]")
    ends = graduated + rng.integers(0, 12, len(kindergarten)).astype("timedelta64[D]")
    return np.asarray(np.fmin(np.fmin(ends, went), died))


def _draw_district_moves(rng: Rng, state: SimulatedState, span: int, begins: Dates, ends: Dates) -> Dates:
    school, care, size = state.rates.school, state.care, len(state.births)
    usual = np.where(care.in_care | care.left_care, school.moved_in_care, school.moved_between_districts)
    moved = draw_events(rng, np.minimum(_MAX_RATE, usual * span / _MOVE_DAYS), size)
    on = _draw_days_before(rng, state.rates.state.today, span, size)
    settled = np.timedelta64(_SETTLING_DAYS, "D")
    return np.where(moved & (on > begins + settled) & (on < ends - settled), on, NEVER)


def _draw_case_days(rng: Rng, state: SimulatedState) -> tuple[Dates, Dates, Dates]:
    """When child welfare registers a child, and drops or expunges one who was never placed."""
    births, care, feed, size = state.births, state.care, state.rates.feed, len(state.births)
    age = np.maximum((state.rates.state.today - births.day).astype(np.int64), 0)
    # Infants are reported most.
    by_age = births.day + (age * rng.random(size) ** 2).astype("timedelta64[D]")
    before = rng.integers(0, _KNOWN_BEFORE_REMOVAL_DAYS, size).astype("timedelta64[D]")
    known = np.where(np.isnat(care.removed_on), by_age, np.maximum(births.day, care.removed_on - before))
    known = np.where(care.is_known, known, NEVER)
    longest = feed.closed_case_kept_years * 365
    after = rng.integers(365, longest + 1, size).astype("timedelta64[D]")
    never_placed = np.isnat(care.removed_on) & ~care.expunged
    closed = never_placed & draw_events(rng, feed.closed_case_dropped, size)
    grown = births.day + np.timedelta64(_GROWN_DAYS, "D") + before
    dropped = np.fmin(np.where(closed, known + after, NEVER), np.where(care.in_care, NEVER, grown))
    return known, dropped, np.where(care.expunged, known + after, NEVER)


def _draw_earlier_homes(rng: Rng, state: SimulatedState) -> tuple[Ints, Texts, Texts]:
    """For each child the foster home of some other, to have lived in before the present placement."""
    care, size = state.care, len(state.births)
    homes = np.flatnonzero(care.setting == FOSTER_HOME)
    if not len(homes):
        return np.full(size, -1), blank_column(size), blank_column(size)
    chosen = homes[rng.integers(0, len(homes), size)]
    return care.address[chosen], care.carer_first[chosen], care.carer_last[chosen]
