"""Rosters: which children each of the four systems has on its books, and how often."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from training.simulate.columns import Bools, Ints, Rng, Texts, draw_events, text_column
from training.simulate.people.blocks import Block
from training.simulate.people.care import Care
from training.simulate.people.places import DISTRICTS, TOWN_REGIONS
from training.simulate.people.schooling import Schooling
from training.simulate.rates import Rates


class Source(StrEnum):
    """The four systems; the value is the source code and the name of its file."""

    NORTH = "district_north"
    SOUTH = "district_south"
    STATE = "state_ssid"
    CCWIS = "ccwis"

    @property
    def kind(self) -> str:
        """The section of ``missing`` and ``noise`` that holds for it."""
        return {Source.STATE: "state", Source.CCWIS: "ccwis"}.get(self, "district")

    @property
    def district(self) -> str:
        """The district code of a district's system; empty for the others."""
        return {Source.NORTH: DISTRICTS[0], Source.SOUTH: DISTRICTS[1]}.get(self, "")


@dataclass(slots=True)
class Roster:
    """One entry a record.

    Args:
        child: the row of the child.
        earlier: the record speaks of an earlier time: a school left, a client number given up.
        second: a second registration of a child that the source already has.
        local_id: unique within the source, in no order of children.
    """

    source: Source
    child: Ints
    earlier: Bools
    second: Bools
    local_id: Texts

    def __len__(self) -> int:
        return len(self.child)


def draw_rosters(
    rng: Rng, schooling: Schooling, care: Care, rates: Rates, block: Block | None = None
) -> dict[Source, Roster]:
    """The books of all four systems."""
    block = block or Block(0)
    return {
        Source.NORTH: _draw_district(rng, block, Source.NORTH, schooling, rates),
        Source.SOUTH: _draw_district(rng, block, Source.SOUTH, schooling, rates),
        Source.STATE: _draw_state_file(rng, block, schooling, care, rates),
        Source.CCWIS: _draw_ccwis(rng, block, care, rates),
    }


def _draw_district(rng: Rng, block: Block, source: Source, schooling: Schooling, rates: Rates) -> Roster:
    region = DISTRICTS.index(source.district)
    here = np.flatnonzero(schooling.on_file & (TOWN_REGIONS[schooling.town] == region))
    left = np.flatnonzero(schooling.moved & (TOWN_REGIONS[schooling.town_before] == region))
    twice = here[draw_events(rng, rates.school.registered_twice, len(here))]
    ids = _draw_local_ids(rng, block, len(here) + len(left) + len(twice), 100_000)
    return _join_parts(source, [(here, False, False), (left, True, False), (twice, True, True)], ids)


def _draw_state_file(rng: Rng, block: Block, schooling: Schooling, care: Care, rates: Rates) -> Roster:
    students = np.flatnonzero(schooling.on_file)
    unsettled = (schooling.moved | care.adopted)[students]
    rate = np.where(unsettled, rates.school.two_state_ids_after_move, rates.school.two_state_ids)
    twice = students[draw_events(rng, rate, len(students))]
    ids = _draw_local_ids(rng, block, len(students) + len(twice), 9_000_000_000)
    return _join_parts(Source.STATE, [(students, False, False), (twice, True, True)], ids)


def _draw_ccwis(rng: Rng, block: Block, care: Care, rates: Rates) -> Roster:
    known = np.flatnonzero(care.is_known)
    new_client = care.adopted[known] & draw_events(rng, rates.care.adopted_two_clients, len(known))
    twice = known[draw_events(rng, rates.care.registered_twice, len(known))]
    ids = _draw_local_ids(rng, block, len(known) + int(new_client.sum()) + len(twice), 10_000_000)
    # An adopted child's first client number stays under the birth name; the second bears the new one.
    first_of_two = known[new_client]
    other = known[~new_client]
    parts = [
        (other, False, False),
        (first_of_two, True, False),
        (first_of_two, False, True),
        (twice, True, True),
    ]
    return _join_parts(Source.CCWIS, parts, ids)


def _join_parts(source: Source, parts: list[tuple[Ints, bool, bool]], ids: Texts) -> Roster:
    """A roster out of (children, earlier, second) parts, in the order of its local IDs."""
    child = np.concatenate([rows for rows, _, _ in parts])
    earlier = np.concatenate([np.full(len(rows), flag) for rows, flag, _ in parts])
    second = np.concatenate([np.full(len(rows), flag) for rows, _, flag in parts])
    order = np.argsort(ids)
    return Roster(source, child[order], earlier[order], second[order], ids[order])


def _draw_local_ids(rng: Rng, block: Block, size: int, base: int) -> Texts:
    """Distinct numbers of one length, in no order, with gaps."""
    in_all = max(1, size) * block.block_count
    while 9 * base < in_all:
        base *= 10
    spread = min(8, 9 * base // in_all)
    numbers = block.interleave(rng.permutation(size * spread)[:size])
    return text_column([str(base + number) for number in numbers.tolist()])
