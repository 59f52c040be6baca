"""The state as it was on a day, told from its end and from the days on which things happened."""

from dataclasses import replace

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Texts, text_column
from training.simulate.people.care import FOSTER_HOME, NOT_PLACED, Care
from training.simulate.people.children import ChildIdentities
from training.simulate.people.families import Births, Homes
from training.simulate.people.flags import school_year_start
from training.simulate.people.population import SimulatedState
from training.simulate.people.schooling import GRADES, HIGH_FROM, MIDDLE_FROM, Schooling
from training.simulate.people.timeline import NEVER, Timeline

_MIDDLE_YEAR, _HIGH_YEAR = MIDDLE_FROM - 1, HIGH_FROM - 1
"""Years after kindergarten."""


def rewind_state(state: SimulatedState, timeline: Timeline, day: np.datetime64) -> SimulatedState:
    """The state on that day: nothing in it has a later date, save the birth of those not yet born.

    Args:
        state: as of the timeline's end.
        timeline: when what is true of it came to be so.
        day: from the timeline's start to its end.
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
    return np.where(dates <= day, dates, NEVER)


def _rewind_homes(homes: Homes, timeline: Timeline, day: np.datetime64) -> Homes:
    """Homes not yet moved are at their former address, with the telephone that they had there."""
    ahead = timeline.home_moved_on > day
    return replace(
        homes,
        address=np.where(ahead, homes.address_before, homes.address),
        phone=np.where(ahead, homes.phone_before, homes.phone),
        moved=homes.moved & ~ahead,
    )


def _rewind_care(care: Care, timeline: Timeline, day: np.datetime64) -> Care:
    left = care.ended_on <= day
    placed = (care.removed_on <= day) & ~left
    # Before the present placement, and through all of a stay that is over, the home was another.
    earlier = placed & (np.where(care.in_care, care.placed_on > day, ~care.adopted))
    nowhere = earlier & (timeline.earlier_address < 0)
    elsewhere = placed | (left & care.adopted)
    setting = np.where(earlier | ~care.in_care, FOSTER_HOME, care.setting)
    return replace(
        care,
        in_care=placed,
        left_care=left,
        setting=np.where(placed, setting, NOT_PLACED),
        removed_on=_hide_future_dates(care.removed_on, day),
        placed_on=np.where(care.placed_on <= day, care.placed_on, _hide_future_dates(care.removed_on, day)),
        ended_on=_hide_future_dates(care.ended_on, day),
        address=np.where(earlier, timeline.earlier_address, np.where(elsewhere, care.address, -1)),
        carer_first=_choose_caregiver(timeline.earlier_first, care.carer_first, earlier, elsewhere & ~nowhere),
        carer_last=_choose_caregiver(timeline.earlier_last, care.carer_last, earlier, elsewhere & ~nowhere),
        adopted=care.adopted & left,
        sealed=care.sealed & left,
        expunged=care.expunged & (timeline.expunged_on <= day),
    )


def _choose_caregiver(former: Texts, present: Texts, earlier: Bools, anywhere: Bools) -> Texts:
    return np.where(anywhere, np.where(earlier, former, present), "").astype(object)


def _rewind_identities(births: Births, people: ChildIdentities, day: np.datetime64) -> tuple[Births, ChildIdentities]:
    """Names and birth dates of record as before changes that lie ahead."""
    ahead = people.changed & (people.changed_on > day)
    return replace(births, day=np.where(ahead, people.birth_before, births.day)), replace(
        people,
        first=np.where(ahead, people.first_before, people.first),
        last=np.where(ahead, people.last_before, people.last),
        changed=people.changed & ~ahead,
        changed_on=_hide_future_dates(people.changed_on, day),
        died=_hide_future_dates(people.died, day),
    )


def _rewind_schooling(schooling: Schooling, timeline: Timeline, day: np.datetime64) -> Schooling:
    begun = timeline.school_starts_on <= day
    leaver = begun & (timeline.school_ends_on <= day)
    moved = timeline.moved_on <= day
    ahead = timeline.moved_on > day
    until = np.where(leaver, timeline.school_ends_on, day)
    year = school_year_start(until).astype("datetime64[Y]").astype(np.int64) + 1970
    grade = np.clip(year - timeline.kindergarten_year + 1, 0, len(GRADES) - 1)
    level = np.where(grade >= HIGH_FROM, "H", np.where(grade >= MIDDLE_FROM, "M", "E"))
    return replace(
        schooling,
        enrolled=begun & ~leaver,
        leaver=leaver,
        moved=moved,
        town=np.where(ahead, schooling.town_before, schooling.town),
        # As ``Schooling.school`` numbers the school that was left.
        number=np.where(ahead, schooling.number + 1, schooling.number),
        grade=text_column(GRADES)[grade],
        level=level.astype(object),
        entry=_hide_future_dates(np.where(moved, timeline.entered_on, _entry_days(timeline, grade)), day),
        exit_before=_hide_future_dates(timeline.moved_on, day),
        exit=np.where(leaver, timeline.school_ends_on, NEVER),
    )


def _entry_days(timeline: Timeline, grade: Ints) -> Dates:
    """First day at the present school: the child changes to the next at the start of its grades."""
    years = np.where(grade >= HIGH_FROM, _HIGH_YEAR, np.where(grade >= MIDDLE_FROM, _MIDDLE_YEAR, 0))
    first = timeline.school_starts_on.astype("datetime64[Y]")
    into_the_year = timeline.school_starts_on - first.astype("datetime64[D]")
    change = (timeline.kindergarten_year + years - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    return np.where(years > 0, np.fmax(change + into_the_year, timeline.school_starts_on), timeline.school_starts_on)
