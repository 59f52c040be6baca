"""Timeline: days on which the facts of a simulated state became true.

A state for weekly feeds is drawn as of the last week, with everybody who lived in it in any week
before. Facts that ``draw_state`` leaves undated get their day here; ``state_on_date`` then shows
the state as of any day.
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
"""Days over which ``moved_recently`` counts."""
_MOVE_DAYS = 480
"""Days over which ``moved_between_districts`` counts."""
_SETTLING_DAYS = 30
_ENTERED_AFTER_MOVE = np.timedelta64(4, "D")
_KINDERGARTEN_AGE, _YEARS_OF_SCHOOL = 5, 13
_PRESCHOOL_YEARS = 3
_KNOWN_BEFORE_REMOVAL_DAYS = 400
_GROWN_DAYS = 21 * 366
"""Age in days at which child welfare drops a client."""


@dataclass(slots=True)
class Timeline:
    """Days of events in simulated children's lives, one entry per child.

    A day is NaT if the event never happens.

    Args:
        start: first day of the feeds.
        end: last day of the feeds.
        home_moved_on: for each home, when it left its former address.
        school_starts_on: first day at a public school, if ever.
        kindergarten_year: year in which the child is of age for kindergarten.
        school_ends_on: last day at a public school: graduated, gone from the state, or dead.
        dropped_on: when the school removes a leaver's record.
        moved_on: last day in the district left.
        known_on: when child welfare first registers the child.
        closed_on: when child welfare drops a client: grown up, or never placed and long closed.
        expunged_on: when such a client is expunged.
        earlier_address: foster home before the present placement; -1 if there is none.
        earlier_first: given name of the caregiver there.
        earlier_last: surname of the caregiver there.
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
        """Each child's first day in the school district moved to."""
        return self.moved_on + _ENTERED_AFTER_MOVE

    def find_pupils(self) -> Bools:
        """Return which simulated children have a school record in any week."""
        return np.asarray((self.school_starts_on <= self.end) & (self.dropped_on > self.start))


def extend_rates(rates: Rates, weeks: int) -> Rates:
    """Adapt the event rates to children who live through so many weeks.

    Such children are older, and have moved and been placed more often.
    """
    span = _span_days(weeks)
    state_rates = replace(rates.state, oldest_years=rates.state.oldest_years + ceil(weeks / _WEEKS_A_YEAR))
    move_rate = min(_MAX_RATE, rates.families.moved_recently * span / _RECENT_DAYS)
    mean_days = rates.care.left_care_mean_days + weeks * DAYS_A_WEEK
    left_rate = min(_MAX_RATE, rates.care.family_left_care * mean_days / rates.care.left_care_mean_days)
    return replace(
        rates,
        state=state_rates,
        families=replace(rates.families, moved_recently=move_rate),
        care=replace(rates.care, family_left_care=left_rate, left_care_mean_days=mean_days),
    )


def _span_days(weeks: int) -> int:
    """Return the number of days over which moves are spread."""
    return max(_RECENT_DAYS, weeks * DAYS_A_WEEK)


def draw_timeline(state: SimulatedState, weeks: int) -> Timeline:
    """Draw the days of all undated events of a simulated state.

    The timeline replaces the dates of its schooling.

    Args:
        state: state as of the last week.
        weeks: weeks of the feeds after the first.
    """
    rng, rates, births = state.block.stage_generator(_STAGE), state.rates, state.births
    end = rates.state.today
    start = end - np.timedelta64(weeks * DAYS_A_WEEK, "D")
    span = _span_days(weeks)
    home_moved = np.where(state.homes.moved, _draw_days_before(rng, end, span, len(state.homes)), NEVER)
    arrivals, departures = _draw_migrations(rng, state, weeks)
    school_starts, kindergarten = _draw_school_starts(rng, state, arrivals)
    school_ends = _draw_school_ends(rng, kindergarten, departures[births.home], state.people.died)
    school_starts = np.where(school_starts < school_ends, school_starts, NEVER)
    kept_days = rng.integers(8 * DAYS_A_WEEK, 80 * DAYS_A_WEEK, len(births))
    moved_on = _draw_district_moves(rng, state, span, school_starts, school_ends)
    known_on, closed_on, expunged_on = _draw_case_days(rng, state)
    addresses, first_names, last_names = _draw_earlier_homes(rng, state)
    return Timeline(
        start=start,
        end=end,
        home_moved_on=home_moved,
        school_starts_on=school_starts,
        kindergarten_year=kindergarten,
        school_ends_on=school_ends,
        dropped_on=school_ends + kept_days.astype("timedelta64[D]"),
        moved_on=moved_on,
        known_on=np.fmax(known_on, arrivals[births.home]),
        closed_on=closed_on,
        expunged_on=expunged_on,
        earlier_address=addresses,
        earlier_first=first_names,
        earlier_last=last_names,
    )


def _draw_days_before(rng: Rng, end: np.datetime64, days: int, size: int) -> Dates:
    """Draw days within a number of days before the end."""
    drawn_days: Dates = end - rng.integers(1, days + 1, size).astype("timedelta64[D]")
    return drawn_days


def _draw_migrations(rng: Rng, state: SimulatedState, weeks: int) -> tuple[Dates, Dates]:
    """Draw when each simulated home came to or left the state."""
    feed, size, care = state.rates.feed, len(state.homes), state.care
    days, end = weeks * DAYS_A_WEEK, state.rates.state.today
    years = days / _DAYS_A_YEAR
    if not weeks:
        return np.full(size, NEVER), np.full(size, NEVER)
    is_known = np.zeros(size, dtype=bool)
    is_known[state.births.home[care.is_known]] = True
    was_placed = np.zeros(size, dtype=bool)
    was_placed[state.births.home[care.in_care | care.left_care]] = True
    has_arrived = draw_events(rng, min(_MAX_RATE, feed.newcomers_a_year * years), size) & ~was_placed
    has_departed = (
        draw_events(rng, min(_MAX_RATE, feed.departures_a_year * years), size) & ~is_known & ~has_arrived
    )
    return (
        np.where(has_arrived, _draw_days_before(rng, end, days, size), NEVER),
        np.where(has_departed, _draw_days_before(rng, end, days, size), NEVER),
    )


def _draw_school_starts(rng: Rng, state: SimulatedState, arrivals: Dates) -> tuple[Dates, Ints]:
    """Draw each child's first day at a public school and kindergarten year.

    Children start who are five years old in September.
    """
    births, school, size = state.births, state.rates.school, len(state.births)
    years = births.day.astype("datetime64[Y]")
    september = np.array(years.astype("datetime64[M]") + np.timedelta64(8, "M"), dtype="datetime64[D]")
    is_born_late = births.day >= september
    kindergarten = years.astype(np.int64) + 1970 + _KINDERGARTEN_AGE + is_born_late
    is_public = draw_events(rng, np.where(state.care.in_care, school.in_care_enrolled, school.public), size)
    preschool_years = draw_events(rng, school.preschool, size) * rng.integers(1, _PRESCHOOL_YEARS, size)
    first_years = (kindergarten - preschool_years - 1970).astype("datetime64[Y]")
    usual_starts = school_opening_day(first_years) + rng.integers(-2, 14, size).astype("timedelta64[D]")
    late_starts = arrivals[births.home] + rng.integers(5, 30, size).astype("timedelta64[D]")
    return np.where(is_public, np.fmax(usual_starts, late_starts), NEVER), kindergarten


def _draw_school_ends(rng: Rng, kindergarten_year: Ints, departures: Dates, died: Dates) -> Dates:
    """Draw children's last day at school: graduation, departure or death."""
    june = (kindergarten_year + _YEARS_OF_SCHOOL - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    graduated = (june + np.timedelta64(5, "M")).astype("datetime64[D]")
    last_days = graduated + rng.integers(0, 12, len(kindergarten_year)).astype("timedelta64[D]")
    return np.asarray(np.fmin(np.fmin(last_days, departures), died))


def _draw_district_moves(
    rng: Rng, state: SimulatedState, span: int, school_starts: Dates, school_ends: Dates
) -> Dates:
    """Draw when simulated children moved between school districts."""
    school, care, size = state.rates.school, state.care, len(state.births)
    move_rate = np.where(care.in_care | care.left_care, school.moved_in_care, school.moved_between_districts)
    has_moved = draw_events(rng, np.minimum(_MAX_RATE, move_rate * span / _MOVE_DAYS), size)
    move_day = _draw_days_before(rng, state.rates.state.today, span, size)
    settling_time = np.timedelta64(_SETTLING_DAYS, "D")
    return np.where(
        has_moved & (move_day > school_starts + settling_time) & (move_day < school_ends - settling_time),
        move_day,
        NEVER,
    )


def _draw_case_days(rng: Rng, state: SimulatedState) -> tuple[Dates, Dates, Dates]:
    """Draw when child welfare registers, drops or expunges a child."""
    births, care, feed, size = state.births, state.care, state.rates.feed, len(state.births)
    age = np.maximum((state.rates.state.today - births.day).astype(np.int64), 0)
    # Infants are reported most.
    by_age = births.day + (age * rng.random(size) ** 2).astype("timedelta64[D]")
    lead_time = rng.integers(0, _KNOWN_BEFORE_REMOVAL_DAYS, size).astype("timedelta64[D]")
    known_on = np.where(
        np.isnat(care.removed_on), by_age, np.maximum(births.day, care.removed_on - lead_time)
    )
    known_on = np.where(care.is_known, known_on, NEVER)
    longest = feed.closed_case_kept_years * 365
    kept_time = rng.integers(365, longest + 1, size).astype("timedelta64[D]")
    never_placed = np.isnat(care.removed_on) & ~care.expunged
    is_closed = never_placed & draw_events(rng, feed.closed_case_dropped, size)
    grown_up_on = births.day + np.timedelta64(_GROWN_DAYS, "D") + lead_time
    dropped_on = np.fmin(
        np.where(is_closed, known_on + kept_time, NEVER), np.where(care.in_care, NEVER, grown_up_on)
    )
    return known_on, dropped_on, np.where(care.expunged, known_on + kept_time, NEVER)


def _draw_earlier_homes(rng: Rng, state: SimulatedState) -> tuple[Ints, Texts, Texts]:
    """Draw an earlier foster home for each simulated child."""
    care, size = state.care, len(state.births)
    homes = np.flatnonzero(care.setting == FOSTER_HOME)
    if not len(homes):
        return np.full(size, -1), blank_column(size), blank_column(size)
    drawn_homes = homes[rng.integers(0, len(homes), size)]
    return care.address[drawn_homes], care.carer_first[drawn_homes], care.carer_last[drawn_homes]
