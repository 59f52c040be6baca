"""Blocks: parts of a state that are simulated one after another.

Memory then does not grow with the state. A family lives in one block with its relatives and
caregivers; strangers of one name and birth date meet across blocks as in life. Every number that
must be unique in the state (local IDs, persons, households, SSNs) is interleaved: block *b* of *n*
assigns those that leave *b* when divided by *n*.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Ints, Rng

RECORDS_PER_BLOCK = 50_000
"""Source records of a block, which take some 200 MB."""

ProgressCallback = Callable[[str, int, int], None]
"""Function called with the step, the part done and the total."""


def ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Do nothing; the callback where nobody wants progress reports."""


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a simulated state that is simulated by itself.

    Holds the state's seed, the number of this block, and the number of blocks.
    """

    seed: int
    number: int = 0
    block_count: int = 1

    def stage_generator(self, number: int) -> Rng:
        """Return the random generator of one stage of the simulation.

        Stages have separate generators, so that a change in one leaves the others as they were.
        """
        return np.random.default_rng([self.seed, number, *([self.number] if self.number else [])])

    def interleave(self, numbers: Ints) -> Ints:
        """Convert numbers to numbers that no other block of the state assigns."""
        return numbers * self.block_count + self.number


def split_into_blocks(seed: int, records: int, records_per_block: int = RECORDS_PER_BLOCK) -> list[Block]:
    """Split a simulated state of so many records into blocks.

    A small state is one block.

    Args:
        seed: seed of the state.
        records: source records of the state.
        records_per_block: source records of one block.
    """
    count = max(1, round(records / records_per_block))
    return [Block(seed, number, count) for number in range(count)]
