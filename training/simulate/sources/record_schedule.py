"""Schedule of a source's records: created, rewritten, merged and removed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from training.simulate.columns import Bools, Dates, Rng, Spans, Texts, blank_column, draw_events
from training.simulate.people.population import SimulatedState
from training.simulate.people.timeline import NEVER, Timeline
from training.simulate.sources.addresses import FIELDS
from training.simulate.sources.rosters import Roster, SourceSystem

_STAGE = 30
_ALWAYS = np.datetime64("1900-01-01", "D")
_SCHOOLS_LEARN_DAYS, _CCWIS_LEARNS_DAYS = 60, 14
"""Most days until a system learns of events elsewhere [own assumption]."""
_KEPT_AFTER_MOVE = (60, 400)
_SECOND_MADE, _SECOND_KEPT = (10, 300), (60, 700)
"""Days until a second registration, and days until its removal."""


class RecordPart(StrEnum):
    """Parts of a simulated record that are rewritten together."""

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
"""Columns of each record part.

Rewriting a part leaves the other columns as they were written, errors included.
"""


@dataclass(frozen=True, slots=True)
class RecordSchedule:
    """Dates on which a source's simulated records are created and changed.

    A day is NaT if the event never happens.

    Args:
        roster: all records; ``earlier_from`` tells whether one describes an earlier time.
        created_on: first day on file.
        dropped_on: first day no longer on file.
        earlier_from: day since which the record describes an earlier time.
        merged_on: day since which it is known to be a second registration.
        rewrite_dates: days on which each part is rewritten.
    """

    roster: Roster
    created_on: Dates
    dropped_on: Dates
    earlier_from: Dates
    merged_on: Dates
    rewrite_dates: dict[RecordPart, list[Dates]]

    def is_held_on(self, day: np.datetime64) -> Bools:
        """Return which simulated records are on file on a day."""
        return np.asarray((self.created_on <= day) & ~(self.dropped_on <= day))

    def is_due_between(self, part: RecordPart, start: np.datetime64, end: np.datetime64) -> Bools:
        """Return which simulated records have a part rewritten between two days.

        Args:
            part: the part.
            start: first day, exclusive.
            end: last day, inclusive.
        """
        is_due = np.zeros(len(self.roster), dtype=bool)
        for dates in self.rewrite_dates[part]:
            is_due |= (dates > start) & (dates <= end)
        return is_due


def draw_schedule(state: SimulatedState, timeline: Timeline, roster: Roster) -> RecordSchedule:
    """Draw when one source's simulated records are created and changed.

    Args:
        state: state as of the timeline's end.
        timeline: days of events.
        roster: every record that the source has in any week.
    """
    rng = state.block.stage_generator(_STAGE + list(SourceSystem).index(roster.source))
    care, people, child = state.care, state.people, roster.child
    at_ccwis = roster.source is SourceSystem.CCWIS
    days = (
        _draw_client_dates(rng, state, timeline, roster)
        if at_ccwis
        else _draw_pupil_dates(rng, timeline, roster)
    )
    created_on = days[0]
    lag = _draw_durations(rng, (0, _CCWIS_LEARNS_DAYS if at_ccwis else _SCHOOLS_LEARN_DAYS), len(roster))

    def learning_days(dates: Dates, delay: Spans) -> Dates:
        """Return when the source learns of events; NaT if before the record.

        A record shows earlier events from the first.
        """
        return np.where(dates > created_on, dates + delay, NEVER)

    no_delay = np.zeros_like(lag)
    placements = [care.removed_on[child], care.placed_on[child], care.ended_on[child]]
    rewrite_dates = {
        RecordPart.IDENTITY: [learning_days(people.changed_on[child], lag)],
        RecordPart.HOME: [learning_days(timeline.home_moved_on[state.births.home[child]], lag)],
        RecordPart.CARE: [learning_days(dates, no_delay if at_ccwis else lag) for dates in placements],
        RecordPart.SCHOOL: [
            timeline.moved_on[child],
            timeline.entered_on[child],
            timeline.school_ends_on[child],
        ],
        RecordPart.DEATH: [learning_days(people.died[child], lag)],
        RecordPart.BARS: [timeline.expunged_on[child]],
    }
    return RecordSchedule(
        roster, *days, rewrite_dates | {RecordPart.SCHOOL if at_ccwis else RecordPart.BARS: []}
    )


def _draw_pupil_dates(rng: Rng, timeline: Timeline, roster: Roster) -> tuple[Dates, Dates, Dates, Dates]:
    """Draw when each pupil's simulated record is created, dropped and outdated.

    It is never merged.
    """
    child, size = roster.child, len(roster)
    created_on, dropped_on = timeline.school_starts_on[child], timeline.dropped_on[child]
    earlier_from = np.where(roster.second, _ALWAYS, NEVER)
    if roster.source is not SourceSystem.STATE:
        has_left = roster.earlier & ~roster.second
        moved_on = timeline.moved_on[child]
        created_on = np.where(~has_left & ~np.isnat(moved_on), timeline.entered_on[child], created_on)
        dropped_on = np.where(has_left, moved_on + _draw_durations(rng, _KEPT_AFTER_MOVE, size), dropped_on)
        earlier_from = np.where(has_left, moved_on, earlier_from)
    second_created_on = created_on + _draw_durations(rng, _SECOND_MADE, size)
    second_dropped_on = np.fmin(dropped_on, second_created_on + _draw_durations(rng, _SECOND_KEPT, size))
    return (
        np.where(roster.second, second_created_on, created_on),
        np.where(roster.second, second_dropped_on, dropped_on),
        earlier_from,
        np.full(size, NEVER),
    )


def _draw_client_dates(
    rng: Rng, state: SimulatedState, timeline: Timeline, roster: Roster
) -> tuple[Dates, Dates, Dates, Dates]:
    """Draw when each client's simulated record is created, dropped and merged.

    An adopted child's second record is created at adoption, when the first becomes history.
    """
    child, size, care = roster.child, len(roster), state.care
    created_on = timeline.known_on[child]
    is_new_client, is_duplicate = roster.second & ~roster.earlier, roster.second & roster.earlier
    created_on = np.where(is_new_client, care.ended_on[child] + np.timedelta64(1, "D"), created_on)
    created_on = np.where(is_duplicate, created_on + _draw_durations(rng, _SECOND_MADE, size), created_on)
    earlier_from = np.where(roster.earlier & ~roster.second, care.ended_on[child], NEVER)
    earlier_from = np.where(is_duplicate, _ALWAYS, earlier_from)
    is_merged = is_duplicate & ~care.adopted[child] & draw_events(rng, state.rates.care.merged_client, size)
    merged_on = np.where(is_merged, created_on + _draw_durations(rng, _SECOND_KEPT, size), NEVER)
    return created_on, np.where(roster.second, NEVER, timeline.closed_on[child]), earlier_from, merged_on


def find_first_registrations(roster: Roster, children: int) -> Texts:
    """Return the local ID of the child's first registration, for each record."""
    first_ids = blank_column(children)
    is_first = ~(roster.second & roster.earlier)
    first_ids[roster.child[is_first]] = roster.local_id[is_first]
    ids: Texts = first_ids[roster.child]
    return ids


def _draw_durations(rng: Rng, bounds: tuple[int, int], size: int) -> Spans:
    """Draw numbers of days within bounds."""
    return rng.integers(*bounds, size).astype("timedelta64[D]")
