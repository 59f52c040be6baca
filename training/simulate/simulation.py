"""The simulator as pure functions: a state whole, or block after block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Texts
from training.simulate.people.blocks import Block, ProgressCallback, split_into_blocks, ignore_progress
from training.simulate.people.names import NameBook, build_faker_names
from training.simulate.people.population import SimulatedState, draw_state
from training.simulate.rates import Rates, load_rates
from training.simulate.sources.identity import StateIds
from training.simulate.sources.records import SourceFile, write_source
from training.simulate.sources.rosters import Source, draw_rosters

_ROSTER_STAGE, _FIRST_SOURCE_STAGE = 7, 10


@dataclass(frozen=True, slots=True)
class Population:
    """A simulated state, or a block of one: its four files and all that is true of it."""

    seed: int
    state: SimulatedState
    files: dict[Source, SourceFile]

    @property
    def records(self) -> int:
        """Source records in all files."""
        return sum(len(file) for file in self.files.values())

    def truth_column(self, field: str) -> Texts:
        """One column of the truth over all files, in the order of the sources."""
        return np.concatenate([file.truth[field] for file in self.files.values()])


def simulate(
    records: int = 20_000,
    seed: int = 1,
    children: int | None = None,
    book: NameBook | None = None,
    rates: Rates | None = None,
) -> Population:
    """Simulate a state of about ``records`` source records, held in memory whole.

    The same arguments give the same state to the byte, on any machine and under any hash seed. Of more
    than some 100,000 records, use ``simulate_in_blocks``.

    Args:
        records: how many source records to aim at; the files come within a few in a hundred.
        seed: the seed of all that happens.
        children: how many children to aim at, instead of records.
        book: names to draw from; Faker's lists by default.
        rates: how often things happen; ``rates.toml`` by default.
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
) -> Iterator[Population]:
    """Simulate a state of any size block by block; a small one is one block, the same as ``simulate``.

    Args:
        records: as for ``simulate``.
        seed: as for ``simulate``.
        children: as for ``simulate``.
        book: as for ``simulate``.
        rates: as for ``simulate``.
        report: told of each block begun.
    """
    rates = rates or load_rates()
    book = book or _default_names(rates)
    size = children or round(records / rates.state.records_per_child)
    parts = split_into_blocks(seed, round(size * rates.state.records_per_child))
    for place, block in enumerate(parts):
        report("simulating", place, len(parts))
        yield _simulate_block(block, round(size / len(parts)), book, rates)


def _simulate_block(block: Block, children: int, book: NameBook, rates: Rates) -> Population:
    state = draw_state(block.seed, children, rates, book, block)
    rosters = draw_rosters(block.stage_generator(_ROSTER_STAGE), state.schooling, state.care, rates, block)
    ids = StateIds.from_roster(rosters[Source.STATE], len(state.births))
    files = {
        source: write_source(block.stage_generator(_FIRST_SOURCE_STAGE + place), state, rosters[source], ids)
        for place, source in enumerate(Source)
    }
    return Population(block.seed, state, files)


def _default_names(rates: Rates) -> NameBook:
    return build_faker_names(rates.names.tail_share, rates.names.surname_tail_share)
