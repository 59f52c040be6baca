"""Weekly feeds of one block: full snapshots and deltas.

A record is written when its source first has it. From then on only those parts change that
something happened to: an error stays until somebody corrects it. A sealed or expunged record is
sent once more with its restriction and never again. Each file is what its source would send: all
its records, or the records written since the week before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mpi.domain.record import SENT_FIELDS
from training.simulate.columns import Bools, Ints, Texts, blank_column, draw_events
from training.simulate.people.blocks import Block
from training.simulate.people.flags import school_year_start
from training.simulate.people.names import NameBook
from training.simulate.people.population import SimulatedState, draw_state
from training.simulate.people.state_on_date import rewind_state
from training.simulate.people.timeline import DAYS_A_WEEK, draw_timeline, extend_rates
from training.simulate.rates import Rates
from training.simulate.simulation import Population
from training.simulate.sources.identity import IdentityColumns, StateIds
from training.simulate.sources.record_schedule import (
    COLUMNS,
    RecordPart,
    RecordSchedule,
    draw_schedule,
    find_first_registrations,
)
from training.simulate.sources.records import (
    NIGHTLY_TIME,
    TRUTH_FIELDS,
    SourceFile,
    write_source,
    write_truth,
)
from training.simulate.sources.restrictions import find_expunged, find_sealed
from training.simulate.sources.rosters import Roster, SourceSystem, draw_rosters

FEED_TRUTH_FIELDS = (*TRUTH_FIELDS, "first_week", "last_week")
_ROSTER_STAGE, _FIRST_WEEK_STAGE = 7, 100
_NEVER_WRITTEN = -1
_SAMPLE_CHILDREN = 10_000
_ERROR_RATES = (
    "given_typo", "given_nickname", "given_variant", "surname_typo", "surname_reduced", "surname_joined",
    "names_swapped", "middle_initial", "middle_in_first", "goes_by_middle", "placeholder_name",
    "birth_wrong_digit", "birth_swapped", "birth_off_by_one", "birth_placeholder", "birth_of_sibling",
    "old_identity",
)  # fmt: skip
"""Rates of ``noise`` that are zero when a record is corrected."""


@dataclass(frozen=True, slots=True)
class WeekFile:
    """One part of the state's records in one source's weekly file.

    Args:
        week: number of the week; 0 is the first.
        day: day on which the source was read.
        source: the source.
        full: whether the file is a full snapshot.
        columns: columns in the order of ``SENT_FIELDS``.
    """

    week: int
    day: np.datetime64
    source: SourceSystem
    full: bool
    columns: list[Texts]

    def __len__(self) -> int:
        return len(self.columns[0])


def estimate_cast_size(children: int, weeks: int, rates: Rates) -> int:
    """Estimate how many simulated children live in the state in any week.

    Args:
        children: number of children in the first week.
        weeks: weeks after the first.
        rates: rates of a state as of the last week.
    """
    window = rates.state.oldest_years + 1
    return round(children * (extend_rates(rates, weeks).state.oldest_years + 1) / window)


def estimate_children(records: int, seed: int, weeks: int, rates: Rates, book: NameBook) -> int:
    """Estimate the simulated children who give a wanted number of records.

    A small block is simulated for the ratio.

    Args:
        records: source records of the first week to aim at.
        seed: seed of the small block.
        weeks: weeks after the first.
        rates: rates of a state as of the last week.
        book: names to draw from.
    """
    guess = round(records / rates.state.records_per_child)
    sample = min(guess, _SAMPLE_CHILDREN)
    first_week_records = BlockFeed(
        Block(seed), estimate_cast_size(sample, weeks, rates), weeks, rates, book
    ).count_first_week()
    return round(sample * records / max(first_week_records, 1))


def is_full_snapshot(source: SourceSystem, week: int, rates: Rates) -> bool:
    """Return whether a source sends a full snapshot in that week."""
    return week % rates.feed.full_every_weeks[source.kind] == 0


class BlockFeed:
    """Simulation of one part of a state over the weeks.

    Read its weeks once, in order, then its population.
    """

    def __init__(self, block: Block, children: int, weeks: int, rates: Rates, book: NameBook) -> None:
        """Draw the children of one part of the state and their events.

        Args:
            block: part of the state.
            children: children who live in it in any week (``estimate_cast_size``).
            weeks: weeks after the first.
            rates: rates of a state as of the last week.
            book: names to draw from.
        """
        self._weeks = weeks
        self._state = draw_state(block.seed, children, extend_rates(rates, weeks), book, block)
        self._timeline = draw_timeline(self._state, weeks)
        rosters = self._draw_rosters(block)
        size = len(self._state.births)
        self._ids = StateIds.from_roster(rosters[SourceSystem.STATE], size)
        self._records_by_source = {
            source: _SourceRecords(draw_schedule(self._state, self._timeline, roster), size)
            for source, roster in rosters.items()
        }

    def _draw_rosters(self, block: Block) -> dict[SourceSystem, Roster]:
        """Draw every record that each source has in any week."""
        state, pupils = self._state, self._timeline.find_pupils()
        moved = pupils & ~np.isnat(self._timeline.moved_on)
        schooling = replace(state.schooling, enrolled=pupils, leaver=np.zeros_like(pupils), moved=moved)
        return draw_rosters(block.stage_generator(_ROSTER_STAGE), schooling, state.care, state.rates, block)

    def count_first_week(self) -> int:
        """Count the records in the first week's files of all sources."""
        return sum(
            int(records.schedule.is_held_on(self._timeline.start).sum())
            for records in self._records_by_source.values()
        )

    def generate_weeks(self) -> Iterator[WeekFile]:
        """Yield each source's simulated file of each week."""
        for week in range(self._weeks + 1):
            day = self._timeline.start + np.timedelta64(week * DAYS_A_WEEK, "D")
            view = rewind_state(self._state, self._timeline, day)
            ids = self._state_ids_on(day)
            for position, (source, records) in enumerate(self._records_by_source.items()):
                rng = view.block.stage_generator(_FIRST_WEEK_STAGE + week * len(SourceSystem) + position)
                is_written = records.advance(rng, view, ids, week)
                full = is_full_snapshot(source, week, view.rates)
                rows = np.flatnonzero(records.is_held if full else is_written)
                columns = [records.columns[name][rows] for name in SENT_FIELDS]
                yield WeekFile(week=week, day=day, source=source, full=full, columns=columns)

    def _state_ids_on(self, day: np.datetime64) -> StateIds:
        """Return the state IDs that were assigned by the given day."""
        schedule = self._records_by_source[SourceSystem.STATE].schedule
        assigned = schedule.roster.child[schedule.created_on <= day]
        assigned_twice = schedule.roster.child[(schedule.created_on <= day) & schedule.roster.second]
        primary, secondary = blank_column(len(self._ids.primary)), blank_column(len(self._ids.secondary))
        primary[assigned], secondary[assigned_twice] = (
            self._ids.primary[assigned],
            self._ids.secondary[assigned_twice],
        )
        return StateIds(primary, secondary)

    def build_population(self) -> Population:
        """Return every record ever sent, as last written, with the truth."""
        view = rewind_state(self._state, self._timeline, self._timeline.end)
        files = {source: records.to_source_file(view) for source, records in self._records_by_source.items()}
        return Population(self._state.block.seed, view, files)


class _SourceRecords:
    """Simulated records of one source as they stand in the current week."""

    def __init__(self, schedule: RecordSchedule, children: int) -> None:
        size = len(schedule.roster)
        self.schedule = schedule
        self.columns = {name: blank_column(size) for name in SENT_FIELDS}
        self.is_held = np.zeros(size, dtype=bool)
        self._is_barred = np.zeros(size, dtype=bool)
        self._first_ids = find_first_registrations(schedule.roster, children)
        self._first_week = np.full(size, _NEVER_WRITTEN)
        self._last_week = np.full(size, _NEVER_WRITTEN)
        self._marks = {
            name: np.zeros(size, dtype=bool) for name in ("former", "placeholder", "carer_surname")
        }

    def advance(self, rng: np.random.Generator, view: SimulatedState, ids: StateIds, week: int) -> Bools:
        """Update a source's simulated records to a day; return which were rewritten."""
        day, schedule = view.rates.state.today, self.schedule
        is_held = schedule.is_held_on(day) & ~self._is_barred
        is_new = is_held & (self._first_week == _NEVER_WRITTEN)
        is_known = is_held & ~is_new
        parts = self._find_due_parts(view, is_known)
        is_corrected = (
            is_known
            & ~(schedule.earlier_from <= day)
            & draw_events(rng, view.rates.feed.corrected_a_week, len(is_held))
        )
        is_merged = is_known & (schedule.merged_on <= day) & (self.columns["merged_into"] == "")
        is_written = is_new | is_corrected | is_merged
        for rows in parts.values():
            is_written |= rows
        self._write_rows(rng, view, ids, np.flatnonzero(is_written), is_new, parts)
        self._correct_rows(rng, view, ids, np.flatnonzero(is_corrected))
        self._set_merged_into(np.flatnonzero(is_held & (schedule.merged_on <= day)))
        if week:
            self.columns["as_of"][is_written] = f"{day}{NIGHTLY_TIME}"
        self._is_barred |= is_written & self._find_barred(view)
        self._first_week[is_new] = week
        self._last_week[is_held] = week
        self.is_held = is_held
        return np.asarray(is_written)

    def _find_due_parts(self, view: SimulatedState, is_known: Bools) -> dict[RecordPart, Bools]:
        """Return which parts of which simulated records must be rewritten this week."""
        day = view.rates.state.today
        previous = day - np.timedelta64(DAYS_A_WEEK, "D")
        parts = {part: is_known & self.schedule.is_due_between(part, previous, day) for part in RecordPart}
        # A record of an earlier time changes only when it is left, sealed or expunged.
        is_earlier = self.schedule.earlier_from <= day
        for part in (RecordPart.IDENTITY, RecordPart.HOME):
            parts[part] &= ~is_earlier
        if self.schedule.roster.source is not SourceSystem.CCWIS:
            parts[RecordPart.CARE] &= ~is_earlier
            new_year = school_year_start(np.array([previous, day]))
            if new_year[0] != new_year[1]:
                parts[RecordPart.SCHOOL] |= (
                    is_known & view.schooling.enrolled[self.schedule.roster.child] & ~is_earlier
                )
        return parts

    def _select_roster(self, rows: Ints, day: np.datetime64) -> Roster:
        """Return the roster of some simulated records as of a day."""
        roster = self.schedule.roster
        is_earlier = self.schedule.earlier_from[rows] <= day
        return Roster(
            source=roster.source,
            child=roster.child[rows],
            earlier=is_earlier,
            second=roster.second[rows],
            local_id=roster.local_id[rows],
        )

    def _write_rows(
        self,
        rng: np.random.Generator,
        view: SimulatedState,
        ids: StateIds,
        rows: Ints,
        is_new: Bools,
        parts: dict[RecordPart, Bools],
    ) -> None:
        """Write new simulated records whole, and only due parts of others."""
        if not len(rows):
            return
        file = write_source(rng, view, self._select_roster(rows, view.rates.state.today), ids)
        is_whole = is_new[rows]
        for name in SENT_FIELDS:
            self.columns[name][rows[is_whole]] = file.columns[name][is_whole]
        self._copy_marks(rows, file.identity, is_whole)
        for part, is_due in parts.items():
            is_changed = is_due[rows] & ~is_whole
            if part is RecordPart.IDENTITY:
                # A source that does not know of the change leaves the record unchanged.
                self._marks["former"][rows[is_changed]] = file.identity.former[is_changed]
                is_changed &= ~file.identity.former
                self._copy_marks(rows, file.identity, is_changed)
            for name in COLUMNS[part]:
                self.columns[name][rows[is_changed]] = file.columns[name][is_changed]
        self.columns["merged_into"][rows[is_whole]] = ""

    def _copy_marks(self, rows: Ints, identity: IdentityColumns, selected: Bools) -> None:
        """Note for the truth which written records show former or placeholder names."""
        for name, marks in self._marks.items():
            marks[rows[selected]] = getattr(identity, name)[selected]

    def _correct_rows(
        self, rng: np.random.Generator, view: SimulatedState, ids: StateIds, rows: Ints
    ) -> None:
        """Rewrite names and birth dates of some simulated records without errors."""
        if not len(rows):
            return
        kind = self.schedule.roster.source.kind
        zero_rates: dict[str, Any] = dict.fromkeys(_ERROR_RATES, 0.0)
        noise = replace(view.rates.noise[kind], **zero_rates)
        missing = replace(view.rates.missing[kind], middle_name=0.0, suffix=0.0, birth_date=0.0)
        rates = replace(
            view.rates,
            noise=view.rates.noise | {kind: noise},
            missing=view.rates.missing | {kind: missing},
            care=replace(view.rates.care, foster_surname_at_school=0.0),
        )
        day = view.rates.state.today
        file = write_source(rng, replace(view, rates=rates), self._select_roster(rows, day), ids)
        self._copy_marks(rows, file.identity, np.ones(len(rows), dtype=bool))
        for name in COLUMNS[RecordPart.IDENTITY]:
            self.columns[name][rows] = file.columns[name]

    def _set_merged_into(self, rows: Ints) -> None:
        """Write the first registration's local ID into merged second registrations."""
        self.columns["merged_into"][rows] = self._first_ids[rows]

    def _find_barred(self, view: SimulatedState) -> Bools:
        """Return which simulated records are sealed or expunged."""
        day = view.rates.state.today
        roster = self._select_roster(np.arange(len(self.schedule.roster)), day)
        return np.asarray(find_sealed(view, roster) | find_expunged(view, roster))

    def to_source_file(self, state: SimulatedState) -> SourceFile:
        """Return all records that the source ever sent, with the truth."""
        rows = np.flatnonzero(self._first_week != _NEVER_WRITTEN)
        day = state.rates.state.today
        roster = self._select_roster(rows, day)
        marks = {name: mark[rows] for name, mark in self._marks.items()}
        marks["former"] |= roster.earlier & state.people.changed[roster.child]
        identity = IdentityColumns({}, **marks)
        truth = write_truth(state, roster, identity)
        truth["first_week"] = self._first_week[rows].astype(str).astype(object)
        truth["last_week"] = self._last_week[rows].astype(str).astype(object)
        columns = {name: column[rows] for name, column in self.columns.items()}
        return SourceFile(roster.source, columns, truth, identity)
