"""Simulated state as of an earlier day, derived from its end."""

from dataclasses import replace

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Texts, text_column
from training.simulate.people.care import FOSTER_HOME, NOT_PLACED, Care
from training.simulate.people.child_identities import ChildIdentities
from training.simulate.people.families import Births, Homes
from training.simulate.people.flags import school_year_start
from training.simulate.people.population import SimulatedState
from training.simulate.people.schooling import GRADES, HIGH_FROM, MIDDLE_FROM, Schooling
from training.simulate.people.timeline import NEVER, Timeline

_MIDDLE_YEAR, _HIGH_YEAR = MIDDLE_FROM - 1, HIGH_FROM - 1
"""Years after kindergarten at which middle and high school begin."""


def rewind_state(state: SimulatedState, timeline: Timeline, day: np.datetime64) -> SimulatedState:
    """Return a simulated state as of an earlier day.

    Nothing in it has a later date, except the birth of children not yet born.

    Args:
        state: state as of the timeline's end.
        timeline: days on which its facts became true.
        day: day from the timeline's start to its end.
    """
    care = _rewind_care(state.care, timeline, day)
    births, people = _rewind_identities(state.births, state.people, day)
    return replace(
        state,
        rates=replace(state.rates, state=replace(state.rates.state, as_of=str(day))),
        births=births,
        homes=_rewind_homes(state.homes, timeline, day),
        care=care,
        people=people,
        schooling=_rewind_schooling(state.schooling, timeline, day),
    )


def _hide_future_dates(dates: Dates, day: np.datetime64) -> Dates:
    """Replace dates after a day by NaT."""
    return np.where(dates <= day, dates, NEVER)


def _rewind_homes(homes: Homes, timeline: Timeline, day: np.datetime64) -> Homes:
    """Move homes that move later back to their former address and phone."""
    moves_later = timeline.home_moved_on > day
    return replace(
        homes,
        address=np.where(moves_later, homes.address_before, homes.address),
        phone=np.where(moves_later, homes.phone_before, homes.phone),
        moved=homes.moved & ~moves_later,
    )


def _rewind_care(care: Care, timeline: Timeline, day: np.datetime64) -> Care:
    """Return the simulated child-welfare facts as of an earlier day."""
    has_left = care.ended_on <= day
    is_placed = (care.removed_on <= day) & ~has_left
    # Before the present placement, and during a stay that ended, the home was another one.
    is_earlier = is_placed & (np.where(care.in_care, care.placed_on > day, ~care.adopted))
    has_no_address = is_earlier & (timeline.earlier_address < 0)
    is_away = is_placed | (has_left & care.adopted)
    setting = np.where(is_earlier | ~care.in_care, FOSTER_HOME, care.setting)
    return replace(
        care,
        in_care=is_placed,
        left_care=has_left,
        setting=np.where(is_placed, setting, NOT_PLACED),
        removed_on=_hide_future_dates(care.removed_on, day),
        placed_on=np.where(care.placed_on <= day, care.placed_on, _hide_future_dates(care.removed_on, day)),
        ended_on=_hide_future_dates(care.ended_on, day),
        address=np.where(is_earlier, timeline.earlier_address, np.where(is_away, care.address, -1)),
        carer_first=_choose_caregiver(
            timeline.earlier_first, care.carer_first, is_earlier, is_away & ~has_no_address
        ),
        carer_last=_choose_caregiver(
            timeline.earlier_last, care.carer_last, is_earlier, is_away & ~has_no_address
        ),
        adopted=care.adopted & has_left,
        sealed=care.sealed & has_left,
        expunged=care.expunged & (timeline.expunged_on <= day),
    )


def _choose_caregiver(former_names: Texts, present_names: Texts, is_earlier: Bools, is_away: Bools) -> Texts:
    """Choose each child's former or present caregiver's name, or none."""
    return np.where(is_away, np.where(is_earlier, former_names, present_names), "").astype(object)


def _rewind_identities(
    births: Births, people: ChildIdentities, day: np.datetime64
) -> tuple[Births, ChildIdentities]:
    """Restore children's names and birth dates from before later changes."""
    changes_later = people.changed & (people.changed_on > day)
    return replace(births, day=np.where(changes_later, people.birth_before, births.day)), replace(
        people,
        first=np.where(changes_later, people.first_before, people.first),
        last=np.where(changes_later, people.last_before, people.last),
        changed=people.changed & ~changes_later,
        changed_on=_hide_future_dates(people.changed_on, day),
        died=_hide_future_dates(people.died, day),
    )


def _rewind_schooling(schooling: Schooling, timeline: Timeline, day: np.datetime64) -> Schooling:
    """Return the simulated school facts as of an earlier day."""
    has_started = timeline.school_starts_on <= day
    is_leaver = has_started & (timeline.school_ends_on <= day)
    has_moved = timeline.moved_on <= day
    moves_later = timeline.moved_on > day
    last_day = np.where(is_leaver, timeline.school_ends_on, day)
    year = school_year_start(last_day).astype("datetime64[Y]").astype(np.int64) + 1970
    grade = np.clip(year - timeline.kindergarten_year + 1, 0, len(GRADES) - 1)
    level = np.where(grade >= HIGH_FROM, "H", np.where(grade >= MIDDLE_FROM, "M", "E"))
    return replace(
        schooling,
        enrolled=has_started & ~is_leaver,
        leaver=is_leaver,
        moved=has_moved,
        town=np.where(moves_later, schooling.town_before, schooling.town),
        # ``Schooling.school_codes`` numbers the school left in the same way.
        number=np.where(moves_later, schooling.number + 1, schooling.number),
        grade=text_column(GRADES)[grade],
        level=level.astype(object),
        entry=_hide_future_dates(np.where(has_moved, timeline.entered_on, _entry_days(timeline, grade)), day),
        exit_before=_hide_future_dates(timeline.moved_on, day),
        exit=np.where(is_leaver, timeline.school_ends_on, NEVER),
    )


def _entry_days(timeline: Timeline, grade: Ints) -> Dates:
    """Return each child's first day at the present school.

    The child changes to the next school at the start of its grades.
    """
    years = np.where(grade >= HIGH_FROM, _HIGH_YEAR, np.where(grade >= MIDDLE_FROM, _MIDDLE_YEAR, 0))
    first = timeline.school_starts_on.astype("datetime64[Y]")
    into_the_year = timeline.school_starts_on - first.astype("datetime64[D]")
    change = (timeline.kindergarten_year + years - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    return np.where(
        years > 0, np.fmax(change + into_the_year, timeline.school_starts_on), timeline.school_starts_on
    )
