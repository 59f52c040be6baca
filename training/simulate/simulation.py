"""Simulation of a state, as a whole or block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Texts
from training.simulate.people.blocks import (
    RECORDS_PER_BLOCK,
    Block,
    ProgressCallback,
    ignore_progress,
    split_into_blocks,
)
from training.simulate.people.names import NameBook, build_faker_names
from training.simulate.people.population import SimulatedState, draw_state
from training.simulate.rates import Rates, load_rates
from training.simulate.sources.identity import StateIds
from training.simulate.sources.records import SourceFile, write_source
from training.simulate.sources.rosters import SourceSystem, draw_rosters

_ROSTER_STAGE, _FIRST_SOURCE_STAGE = 7, 10


@dataclass(frozen=True, slots=True)
class Population:
    """Simulated state, or a part: four source files and the truth."""

    seed: int
    state: SimulatedState
    files: dict[SourceSystem, SourceFile]

    @property
    def records(self) -> int:
        """Number of records in all four source files."""
        return sum(len(file) for file in self.files.values())

    def truth_column(self, field: str) -> Texts:
        """Return one column of the truth over all files, in source order."""
        return np.concatenate([file.truth[field] for file in self.files.values()])


def simulate(
    records: int = 20_000,
    seed: int = 1,
    children: int | None = None,
    book: NameBook | None = None,
    rates: Rates | None = None,
) -> Population:
    """Simulate a state of about ``records`` source records in memory.

    Equal arguments give the same state to the byte, on any machine and under any hash seed. Above some
    100,000 records, use ``simulate_in_blocks``.

    Args:
        records: source records to aim at; the files come within a few percent.
        seed: seed of all that happens.
        children: children to aim at, instead of records.
        book: names to draw from; Faker's lists by default.
        rates: rates of events; ``rates.toml`` by default.
    """
    rates = rates or load_rates()
    size = children or round(records / rates.state.records_per_child)
    return _simulate_block(Block(seed), size, book or _default_names(rates), rates)


def simulate_in_blocks(
    records: int = 20_000,
    seed: int = 1,
    children: int | None = None,
    book: NameBook | None = None,
    rates: Rates | None = None,
    report: ProgressCallback = ignore_progress,
    *,
    records_per_block: int = RECORDS_PER_BLOCK,
) -> Iterator[Population]:
    """Simulate a state of any size block by block.

    A small state is one block, equal to that of ``simulate``.

    Args:
        records: source records to aim at.
        seed: seed of all that happens.
        children: children to aim at, instead of records.
        book: names to draw from; Faker's lists by default.
        rates: rates of events; ``rates.toml`` by default.
        report: called as each block begins.
        records_per_block: source records of one block.
    """
    rates = rates or load_rates()
    book = book or _default_names(rates)
    size = children or round(records / rates.state.records_per_child)
    state_records = round(size * rates.state.records_per_child)
    state_blocks = split_into_blocks(seed, state_records, records_per_block)
    for position, block in enumerate(state_blocks):
        report("simulating", position, len(state_blocks))
        yield _simulate_block(block, round(size / len(state_blocks)), book, rates)


def _simulate_block(block: Block, children: int, book: NameBook, rates: Rates) -> Population:
    """Simulate one part of a state with its four source files."""
    state = draw_state(block.seed, children, rates, book, block)
    rosters = draw_rosters(block.stage_generator(_ROSTER_STAGE), state.schooling, state.care, rates, block)
    ids = StateIds.from_roster(rosters[SourceSystem.STATE], len(state.births))
    files = {
        source: write_source(
            block.stage_generator(_FIRST_SOURCE_STAGE + position), state, rosters[source], ids
        )
        for position, source in enumerate(SourceSystem)
    }
    return Population(block.seed, state, files)


def _default_names(rates: Rates) -> NameBook:
    """Build pools of Faker's names, with the rates' shares of rare names."""
    return build_faker_names(rates.names.tail_share, rates.names.surname_tail_share)
