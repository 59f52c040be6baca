"""Weekly feeds of one block: the first week everything, then what changed, or everything again.

A record is written when its source first has it, and from then on only those parts of it that something
happened to: a mistake stays until somebody puts it right. Whoever is sealed or expunged is told of once
and never sent again. Each file is what its source would send: everything on its books, or the records
written since the week before.
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
from training.simulate.sources.enrollment_periods import COLUMNS, RecordSchedule, RecordPart, find_first_registrations, draw_schedule
from training.simulate.sources.identity import IdentityColumns, StateIds
from training.simulate.sources.records import NIGHTLY_TIME, TRUTH_FIELDS, SourceFile, write_truth, write_source
from training.simulate.sources.restrictions import find_expunged, find_sealed
from training.simulate.sources.rosters import Roster, Source, draw_rosters

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
"""Rates of ``noise`` that are nought where somebody puts a record right."""


@dataclass(frozen=True, slots=True)
class WeekFile:
    """What one block adds to one source's file of one week.

    Args:
        week: 0 is the first.
        day: on which the source was read.
        full: whether the file holds everything on the books.
        columns: in the order of ``SENT_FIELDS``.
    """

    week: int
    day: np.datetime64
    source: Source
    full: bool
    columns: list[Texts]

    def __len__(self) -> int:
        return len(self.columns[0])


def estimate_cast_size(children: int, weeks: int, rates: Rates) -> int:
    """How many children live in some week, of a state that has so many in the first."""
    window = rates.state.oldest_years + 1
    return round(children * (extend_rates(rates, weeks).state.oldest_years + 1) / window)


def estimate_children(records: int, seed: int, weeks: int, rates: Rates, book: NameBook) -> int:
    """How many children a state has whose first week holds about so many records, by a small block."""
    guess = round(records / rates.state.records_per_child)
    sample = min(guess, _SAMPLE_CHILDREN)
    found = BlockFeed(Block(seed), estimate_cast_size(sample, weeks, rates), weeks, rates, book).count_first_week()
    return round(sample * records / max(found, 1))


def is_full_snapshot(source: Source, week: int, rates: Rates) -> bool:
    """Whether a source sends all its records in that week, or those written since the last."""
    return week % rates.feed.full_every_weeks[source.kind] == 0


class BlockFeed:
    """One block over the weeks: ask for its weeks in order, once, then for what is true of it."""

    def __init__(self, block: Block, children: int, weeks: int, rates: Rates, book: NameBook) -> None:
        """Draw who lives in it and what happens to them.

        Args:
            block: which part of the state.
            children: who live in it in some week (``estimate_cast_size``).
            weeks: after the first.
            rates: of a state as of the last week.
            book: names to draw from.
        """
        self._weeks = weeks
        self._state = draw_state(block.seed, children, extend_rates(rates, weeks), book, block)
        self._timeline = draw_timeline(self._state, weeks)
        rosters = self._draw_rosters(block)
        size = len(self._state.births)
        self._ids = StateIds.from_roster(rosters[Source.STATE], size)
        self._records_by_source = {
            source: _SourceRecords(draw_schedule(self._state, self._timeline, roster), size)
            for source, roster in rosters.items()
        }

    def _draw_rosters(self, block: Block) -> dict[Source, Roster]:
        """Everybody whom each source has in some week."""
        state, pupils = self._state, self._timeline.find_pupils()
        moved = pupils & ~np.isnat(self._timeline.moved_on)
        schooling = replace(state.schooling, enrolled=pupils, leaver=np.zeros_like(pupils), moved=moved)
        return draw_rosters(block.stage_generator(_ROSTER_STAGE), schooling, state.care, state.rates, block)

    def count_first_week(self) -> int:
        """How many records the first week's files hold."""
        return sum(int(each.schedule.is_held_on(self._timeline.start).sum()) for each in self._records_by_source.values())

    def generate_weeks(self) -> Iterator[WeekFile]:
        """Each week's file of each source."""
        for week in range(self._weeks + 1):
            day = self._timeline.start + np.timedelta64(week * DAYS_A_WEEK, "D")
            view = rewind_state(self._state, self._timeline, day)
            ids = self._state_ids_on(day)
            for place, (source, register) in enumerate(self._records_by_source.items()):
                rng = view.block.stage_generator(_FIRST_WEEK_STAGE + week * len(Source) + place)
                written = register.advance(rng, view, ids, week)
                full = is_full_snapshot(source, week, view.rates)
                rows = np.flatnonzero(register.is_held if full else written)
                columns = [register.columns[name][rows] for name in SENT_FIELDS]
                yield WeekFile(week, day, source, full, columns)

    def _state_ids_on(self, day: np.datetime64) -> StateIds:
        """The state IDs that had been given out by then."""
        book = self._records_by_source[Source.STATE].schedule
        out = book.roster.child[book.created_on <= day]
        twice = book.roster.child[(book.created_on <= day) & book.roster.second]
        primary, other = blank_column(len(self._ids.primary)), blank_column(len(self._ids.secondary))
        primary[out], other[twice] = self._ids.primary[out], self._ids.secondary[twice]
        return StateIds(primary, other)

    def build_population(self) -> Population:
        """Every record that was ever sent, as last written, with the truth as of the last week."""
        view = rewind_state(self._state, self._timeline, self._timeline.end)
        files = {source: register.to_source_file(view) for source, register in self._records_by_source.items()}
        return Population(self._state.block.seed, view, files)


class _SourceRecords:
    """The records of one source as they stand."""

    def __init__(self, book: RecordSchedule, children: int) -> None:
        size = len(book.roster)
        self.schedule = book
        self.columns = {name: blank_column(size) for name in SENT_FIELDS}
        self.is_held = np.zeros(size, dtype=bool)
        self._is_barred = np.zeros(size, dtype=bool)
        self._first_ids = find_first_registrations(book.roster, children)
        self._first_week = np.full(size, _NEVER_WRITTEN)
        self._last_week = np.full(size, _NEVER_WRITTEN)
        self._marks = {
            name: np.zeros(size, dtype=bool) for name in ("former", "placeholder", "carer_surname")
        }

    def advance(self, rng: np.random.Generator, view: SimulatedState, ids: StateIds, week: int) -> Bools:
        """Bring the records up to the view's day; gives back those that were written."""
        day, book = view.rates.state.today, self.schedule
        held = book.is_held_on(day) & ~self._is_barred
        new = held & (self._first_week == _NEVER_WRITTEN)
        standing = held & ~new
        parts = self._find_due_parts(view, standing)
        right = (
            standing & ~(book.earlier_from <= day) & draw_events(rng, view.rates.feed.corrected_a_week, len(held))
        )
        merged = standing & (book.merged_on <= day) & (self.columns["merged_into"] == "")
        written = new | right | merged
        for rows in parts.values():
            written |= rows
        self._write_rows(rng, view, ids, np.flatnonzero(written), new, parts)
        self._correct_rows(rng, view, ids, np.flatnonzero(right))
        self._set_merged_into(np.flatnonzero(held & (book.merged_on <= day)))
        if week:
            self.columns["as_of"][written] = f"{day}{NIGHTLY_TIME}"
        self._is_barred |= written & self._find_barred(view)
        self._first_week[new] = week
        self._last_week[held] = week
        self.is_held = held
        return np.asarray(written)

    def _find_due_parts(self, view: SimulatedState, standing: Bools) -> dict[RecordPart, Bools]:
        day = view.rates.state.today
        before = day - np.timedelta64(DAYS_A_WEEK, "D")
        parts = {part: standing & self.schedule.is_due_between(part, before, day) for part in RecordPart}
        # What speaks of an earlier time is kept as it was, save that it is left, sealed or expunged.
        kept = self.schedule.earlier_from <= day
        for part in (RecordPart.IDENTITY, RecordPart.HOME):
            parts[part] &= ~kept
        if self.schedule.roster.source is not Source.CCWIS:
            parts[RecordPart.CARE] &= ~kept
            new_year = school_year_start(np.array([before, day]))
            if new_year[0] != new_year[1]:
                parts[RecordPart.SCHOOL] |= standing & view.schooling.enrolled[self.schedule.roster.child] & ~kept
        return parts

    def _select_roster(self, rows: Ints, day: np.datetime64) -> Roster:
        held = self.schedule.roster
        earlier = self.schedule.earlier_from[rows] <= day
        return Roster(held.source, held.child[rows], earlier, held.second[rows], held.local_id[rows])

    def _write_rows(
        self,
        rng: np.random.Generator,
        view: SimulatedState,
        ids: StateIds,
        rows: Ints,
        new: Bools,
        parts: dict[RecordPart, Bools],
    ) -> None:
        """Write the rows, and keep of each what is new: all of it, or the parts that are due."""
        if not len(rows):
            return
        file = write_source(rng, view, self._select_roster(rows, view.rates.state.today), ids)
        whole = new[rows]
        for name in SENT_FIELDS:
            self.columns[name][rows[whole]] = file.columns[name][whole]
        self._copy_marks(rows, file.identity, whole)
        for part, due in parts.items():
            here = due[rows] & ~whole
            if part is RecordPart.IDENTITY:
                # A source that has not heard of the change leaves the record as it is.
                self._marks["former"][rows[here]] = file.identity.former[here]
                here &= ~file.identity.former
                self._copy_marks(rows, file.identity, here)
            for name in COLUMNS[part]:
                self.columns[name][rows[here]] = file.columns[name][here]
        self.columns["merged_into"][rows[whole]] = ""

    def _copy_marks(self, rows: Ints, identity: IdentityColumns, here: Bools) -> None:
        for name, marks in self._marks.items():
            marks[rows[here]] = getattr(identity, name)[here]

    def _correct_rows(self, rng: np.random.Generator, view: SimulatedState, ids: StateIds, rows: Ints) -> None:
        """Write names and birth date of the rows without a mistake."""
        if not len(rows):
            return
        kind = self.schedule.roster.source.kind
        nought: dict[str, Any] = dict.fromkeys(_ERROR_RATES, 0.0)
        noise = replace(view.rates.noise[kind], **nought)
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
        self.columns["merged_into"][rows] = self._first_ids[rows]

    def _find_barred(self, view: SimulatedState) -> Bools:
        day = view.rates.state.today
        roster = self._select_roster(np.arange(len(self.schedule.roster)), day)
        return np.asarray(find_sealed(view, roster) | find_expunged(view, roster))

    def to_source_file(self, state: SimulatedState) -> SourceFile:
        """The records ever sent, in the order of their local IDs, and the truth about them at the end."""
        rows = np.flatnonzero(self._first_week != _NEVER_WRITTEN)
        day = state.rates.state.today
        roster = self._select_roster(rows, day)
        marks = {name: held[rows] for name, held in self._marks.items()}
        marks["former"] |= roster.earlier & state.people.changed[roster.child]
        identity = IdentityColumns({}, **marks)
        truth = write_truth(state, roster, identity)
        truth["first_week"] = self._first_week[rows].astype(str).astype(object)
        truth["last_week"] = self._last_week[rows].astype(str).astype(object)
        columns = {name: column[rows] for name, column in self.columns.items()}
        return SourceFile(roster.source, columns, truth, identity)
