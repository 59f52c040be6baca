"""Blocks: the parts that a state is made of, one after the other, so that memory does not grow with it.

A family lives in one block, and its kin and carers with it; strangers of one name and birth date meet
across blocks as they would in life. Every number that must be unique in the state (local IDs, persons,
households, SSNs) is interleaved: block *b* of *n* gives out those that leave *b* when divided by *n*.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Ints, Rng

RECORDS_PER_BLOCK = 50_000
"""Source records of a block: some 200 MB while it is being made."""

ProgressCallback = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""


def ignore_progress(_step: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a state: its place among ``of`` blocks, under the seed of the whole."""

    seed: int
    number: int = 0
    block_count: int = 1

    def stage_generator(self, number: int) -> Rng:
        """The random numbers of one stage, so that a change in one leaves the others as they were."""
        return np.random.default_rng([self.seed, number, *([self.number] if self.number else [])])

    def interleave(self, numbers: Ints) -> Ints:
        """The block's own numbers as numbers that no other block gives out."""
        return numbers * self.block_count + self.number


def split_into_blocks(seed: int, records: int) -> list[Block]:
    """The blocks of a state of that many records; a small state is one."""
    count = max(1, round(records / RECORDS_PER_BLOCK))
    return [Block(seed, number, count) for number in range(count)]
