"""Rosters: children of whom each source system has records."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from training.simulate.columns import Bools, Ints, Rng, Texts, draw_events, text_column
from training.simulate.people.blocks import Block
from training.simulate.people.care import Care
from training.simulate.people.places import DISTRICTS, TOWN_REGIONS
from training.simulate.people.schooling import Schooling
from training.simulate.rates import Rates


class SourceSystem(StrEnum):
    """The four simulated source systems.

    The value is the source code and the name of its file.
    """

    NORTH = "district_north"
    SOUTH = "district_south"
    STATE = "state_ssid"
    CCWIS = "ccwis"

    @property
    def kind(self) -> str:
        """Section of the simulation's ``missing`` and ``noise`` rates for the system."""
        return {SourceSystem.STATE: "state", SourceSystem.CCWIS: "ccwis"}.get(self, "district")

    @property
    def district(self) -> str:
        """District code of a district's system; empty for the others."""
        return {SourceSystem.NORTH: DISTRICTS[0], SourceSystem.SOUTH: DISTRICTS[1]}.get(self, "")


@dataclass(slots=True)
class Roster:
    """List of a simulated source's records, before their values are written.

    Args:
        source: the source.
        child: row of the child.
        earlier: whether the record describes an earlier time: a school left, a client number given up.
        second: whether it is a second registration of a child that the source already has.
        local_id: unique within the source, in no order of children.
    """

    source: SourceSystem
    child: Ints
    earlier: Bools
    second: Bools
    local_id: Texts

    def __len__(self) -> int:
        return len(self.child)


def draw_rosters(
    rng: Rng, schooling: Schooling, care: Care, rates: Rates, block: Block | None = None
) -> dict[SourceSystem, Roster]:
    """Draw which children have records in each of the four sources."""
    block = block or Block(0)
    return {
        SourceSystem.NORTH: _draw_district(rng, block, SourceSystem.NORTH, schooling, rates),
        SourceSystem.SOUTH: _draw_district(rng, block, SourceSystem.SOUTH, schooling, rates),
        SourceSystem.STATE: _draw_state_file(rng, block, schooling, care, rates),
        SourceSystem.CCWIS: _draw_ccwis(rng, block, care, rates),
    }


def _draw_district(
    rng: Rng, block: Block, source: SourceSystem, schooling: Schooling, rates: Rates
) -> Roster:
    """Draw which children have records in a school district's system."""
    region = DISTRICTS.index(source.district)
    residents = np.flatnonzero(schooling.on_file & (TOWN_REGIONS[schooling.town] == region))
    movers = np.flatnonzero(schooling.moved & (TOWN_REGIONS[schooling.town_before] == region))
    duplicates = residents[draw_events(rng, rates.school.registered_twice, len(residents))]
    ids = _draw_local_ids(rng, block, len(residents) + len(movers) + len(duplicates), 100_000)
    return _join_parts(
        source, [(residents, False, False), (movers, True, False), (duplicates, True, True)], ids
    )


def _draw_state_file(rng: Rng, block: Block, schooling: Schooling, care: Care, rates: Rates) -> Roster:
    """Draw which children have records in the state's student file."""
    students = np.flatnonzero(schooling.on_file)
    is_unsettled = (schooling.moved | care.adopted)[students]
    rate = np.where(is_unsettled, rates.school.two_state_ids_after_move, rates.school.two_state_ids)
    duplicates = students[draw_events(rng, rate, len(students))]
    ids = _draw_local_ids(rng, block, len(students) + len(duplicates), 9_000_000_000)
    return _join_parts(SourceSystem.STATE, [(students, False, False), (duplicates, True, True)], ids)


def _draw_ccwis(rng: Rng, block: Block, care: Care, rates: Rates) -> Roster:
    """Draw which children have records in the child-welfare system."""
    clients = np.flatnonzero(care.is_known)
    has_new_client = care.adopted[clients] & draw_events(rng, rates.care.adopted_two_clients, len(clients))
    duplicates = clients[draw_events(rng, rates.care.registered_twice, len(clients))]
    ids = _draw_local_ids(rng, block, len(clients) + int(has_new_client.sum()) + len(duplicates), 10_000_000)
    # An adopted child's first client number keeps the birth name; the second has the new name.
    adopted = clients[has_new_client]
    single = clients[~has_new_client]
    parts = [
        (single, False, False),
        (adopted, True, False),
        (adopted, False, True),
        (duplicates, True, True),
    ]
    return _join_parts(SourceSystem.CCWIS, parts, ids)


def _join_parts(source: SourceSystem, parts: list[tuple[Ints, bool, bool]], ids: Texts) -> Roster:
    """Join lists of (children, earlier, second) to one, ordered by local ID."""
    child = np.concatenate([rows for rows, _, _ in parts])
    earlier = np.concatenate([np.full(len(rows), flag) for rows, flag, _ in parts])
    second = np.concatenate([np.full(len(rows), flag) for rows, _, flag in parts])
    order = np.argsort(ids)
    return Roster(
        source=source, child=child[order], earlier=earlier[order], second=second[order], local_id=ids[order]
    )


def _draw_local_ids(rng: Rng, block: Block, size: int, base: int) -> Texts:
    """Draw distinct local IDs of one length, in random order, with gaps."""
    total = max(1, size) * block.block_count
    while 9 * base < total:
        base *= 10
    spread = min(8, 9 * base // total)
    numbers = block.interleave(rng.permutation(size * spread)[:size])
    return text_column([str(base + number) for number in numbers.tolist()])
