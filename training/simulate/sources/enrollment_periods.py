"""A source's books over time: which records it holds in which weeks, and when each is to be written anew."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from training.simulate.columns import Bools, Dates, Rng, Spans, Texts, blank_column, draw_events
from training.simulate.people.population import SimulatedState
from training.simulate.people.timeline import NEVER, Timeline
from training.simulate.sources.addresses import FIELDS
from training.simulate.sources.rosters import Roster, Source

_STAGE = 30
_ALWAYS = np.datetime64("1900-01-01", "D")
_SCHOOLS_LEARN_DAYS, _CCWIS_LEARNS_DAYS = 60, 14
"""A system learns of what happened elsewhere within so many days [own assumption]."""
_KEPT_AFTER_MOVE = (60, 400)
_SECOND_MADE, _SECOND_KEPT = (10, 300), (60, 700)
"""Days from the first registration to a second one, and for how long a school's stays on the books."""


class RecordPart(StrEnum):
    """What of a record is written anew together, as one screen of the system is."""

    IDENTITY = "identity"
    HOME = "home"
    CARE = "care"
    SCHOOL = "school"
    DEATH = "death"
    BARS = "bars"


_HOME = (*FIELDS, "addresses", "restrictions")
COLUMNS = {
    RecordPart.IDENTITY: (
        "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names",
        "birth_date", "birth_date_quality", "previous_birth_dates",
    ),
    RecordPart.HOME: (*_HOME, "phone", "email"),
    RecordPart.CARE: (
        *_HOME, "guardian_first_name", "guardian_last_name", "guardian_relationship", "guardians",
        "placements", "flags",
    ),
    RecordPart.SCHOOL: (
        "school_id", "district_id", "grade", "entry_date", "exit_date", "enrollments", "flags",
    ),
    RecordPart.DEATH: ("death_date",),
    RecordPart.BARS: ("restrictions",),
}  # fmt: skip
"""The columns of each part; a part leaves the others as they were written, mistakes and all."""


@dataclass(frozen=True, slots=True)
class RecordSchedule:
    """One entry a record that the source ever has; a day is NaT where the thing never happens.

    Args:
        roster: all of them; whether a record speaks of an earlier time is told by ``earlier_from``.
        created_on: first day on the books.
        dropped_on: first day off them.
        earlier_from: since when the record speaks of an earlier time.
        merged_on: since when it is known to be a second registration.
        rewrite_dates: days on which each part is to be written anew.
    """

    roster: Roster
    created_on: Dates
    dropped_on: Dates
    earlier_from: Dates
    merged_on: Dates
    rewrite_dates: dict[RecordPart, list[Dates]]

    def is_held_on(self, day: np.datetime64) -> Bools:
        """The records on the books on that day."""
        return np.asarray((self.created_on <= day) & ~(self.dropped_on <= day))

    def is_due_between(self, part: RecordPart, after: np.datetime64, day: np.datetime64) -> Bools:
        """The records of which that part is to be written anew after one day and until another."""
        found = np.zeros(len(self.roster), dtype=bool)
        for dates in self.rewrite_dates[part]:
            found |= (dates > after) & (dates <= day)
        return found


def draw_schedule(state: SimulatedState, timeline: Timeline, roster: Roster) -> RecordSchedule:
    """The books of one source, from the roster of all whom it ever has.

    Args:
        state: as of the timeline's end.
        timeline: when things happened.
        roster: every record that the source has in any week.
    """
    rng = state.block.stage_generator(_STAGE + list(Source).index(roster.source))
    care, people, child = state.care, state.people, roster.child
    at_ccwis = roster.source is Source.CCWIS
    days = _draw_client_dates(rng, state, timeline, roster) if at_ccwis else _draw_pupil_dates(rng, timeline, roster)
    made = days[0]
    lag = _draw_durations(rng, (0, _CCWIS_LEARNS_DAYS if at_ccwis else _SCHOOLS_LEARN_DAYS), len(roster))

    def learned(dates: Dates, after: Spans) -> Dates:
        """When the source learns of it; what is older than the record stands in it from the first."""
        return np.where(dates > made, dates + after, NEVER)

    at_once = np.zeros_like(lag)
    placements = [care.removed_on[child], care.placed_on[child], care.ended_on[child]]
    due = {
        RecordPart.IDENTITY: [learned(people.changed_on[child], lag)],
        RecordPart.HOME: [learned(timeline.home_moved_on[state.births.home[child]], lag)],
        RecordPart.CARE: [learned(dates, at_once if at_ccwis else lag) for dates in placements],
        RecordPart.SCHOOL: [timeline.moved_on[child], timeline.entered_on[child], timeline.school_ends_on[child]],
        RecordPart.DEATH: [learned(people.died[child], lag)],
        RecordPart.BARS: [timeline.expunged_on[child]],
    }
    return RecordSchedule(roster, *days, due | {RecordPart.SCHOOL if at_ccwis else RecordPart.BARS: []})


def _draw_pupil_dates(rng: Rng, timeline: Timeline, roster: Roster) -> tuple[Dates, Dates, Dates, Dates]:
    """When each pupil's record is made and dropped, speaks of earlier times, and is merged: never."""
    child, size = roster.child, len(roster)
    made, dropped = timeline.school_starts_on[child], timeline.dropped_on[child]
    earlier_from = np.where(roster.second, _ALWAYS, NEVER)
    if roster.source is not Source.STATE:
        left = roster.earlier & ~roster.second
        moved_on = timeline.moved_on[child]
        made = np.where(~left & ~np.isnat(moved_on), timeline.entered_on[child], made)
        dropped = np.where(left, moved_on + _draw_durations(rng, _KEPT_AFTER_MOVE, size), dropped)
        earlier_from = np.where(left, moved_on, earlier_from)
    second = made + _draw_durations(rng, _SECOND_MADE, size)
    kept = np.fmin(dropped, second + _draw_durations(rng, _SECOND_KEPT, size))
    return (
        np.where(roster.second, second, made),
        np.where(roster.second, kept, dropped),
        earlier_from,
        np.full(size, NEVER),
    )


def _draw_client_dates(rng: Rng, state: SimulatedState, timeline: Timeline, roster: Roster) -> tuple[Dates, Dates, Dates, Dates]:
    """The same of clients: an adopted child's second is made at adoption, when the first becomes history."""
    child, size, care = roster.child, len(roster), state.care
    made = timeline.known_on[child]
    new_client, twice = roster.second & ~roster.earlier, roster.second & roster.earlier
    made = np.where(new_client, care.ended_on[child] + np.timedelta64(1, "D"), made)
    made = np.where(twice, made + _draw_durations(rng, _SECOND_MADE, size), made)
    earlier_from = np.where(roster.earlier & ~roster.second, care.ended_on[child], NEVER)
    earlier_from = np.where(twice, _ALWAYS, earlier_from)
    merged = twice & ~care.adopted[child] & draw_events(rng, state.rates.care.merged_client, size)
    merged_on = np.where(merged, made + _draw_durations(rng, _SECOND_KEPT, size), NEVER)
    return made, np.where(roster.second, NEVER, timeline.closed_on[child]), earlier_from, merged_on


def find_first_registrations(roster: Roster, children: int) -> Texts:
    """For each record the local ID of the child's first registration."""
    first = blank_column(children)
    kept = ~(roster.second & roster.earlier)
    first[roster.child[kept]] = roster.local_id[kept]
    found: Texts = first[roster.child]
    return found


def _draw_durations(rng: Rng, between: tuple[int, int], size: int) -> Spans:
    return rng.integers(*between, size).astype("timedelta64[D]")
