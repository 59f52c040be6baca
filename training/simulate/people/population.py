"""True state of a block, drawn stage by stage."""

from dataclasses import dataclass

from training.simulate.columns import Rng
from training.simulate.people.blocks import Block
from training.simulate.people.care import Care, draw_care
from training.simulate.people.child_identities import ChildIdentities, draw_identities
from training.simulate.people.families import Births, Homes, draw_births, draw_homes
from training.simulate.people.flags import Flags, draw_flags
from training.simulate.people.names import NameBook
from training.simulate.people.namesakes import make_strangers_alike
from training.simulate.people.places import Addresses
from training.simulate.people.schooling import Schooling, draw_schooling
from training.simulate.rates import Rates


@dataclass(frozen=True, slots=True)
class SimulatedState:
    """Truth about simulated people: children, homes, care, schooling and flags."""

    block: Block
    rates: Rates
    births: Births
    homes: Homes
    care: Care
    addresses: Addresses
    people: ChildIdentities
    schooling: Schooling
    flags: Flags


def draw_state(
    seed: int, children: int, rates: Rates, book: NameBook, block: Block | None = None
) -> SimulatedState:
    """Draw all people of a simulated state, or of one part.

    Args:
        seed: random seed; not used if a block, which has its own seed, is given.
        children: approximate number of children.
        rates: rates of births, moves, care and other events in the state.
        book: names to draw from.
        block: part of the state; None for a state of one block.
    """
    block = block or Block(seed)
    births = draw_births(block.stage_generator(1), children, rates)
    homes, addresses = draw_homes(block, int(births.home[-1]) + 1, rates, book)
    care, addresses = draw_care(block.stage_generator(3), births, homes, addresses, rates, book)
    people = draw_identities(block, births, homes, care, rates, book)
    make_strangers_alike(block, births, homes, care, people, rates)
    schooling = draw_schooling(block.stage_generator(5), births, homes, care, addresses, rates)
    schooling.remove_deceased(people.died)
    flags = draw_flags(block.stage_generator(6), births, homes, care, rates)
    return SimulatedState(
        block=block,
        rates=rates,
        births=births,
        homes=homes,
        care=care,
        addresses=addresses,
        people=people,
        schooling=schooling,
        flags=flags,
    )


def stage_generator(seed: int, number: int) -> Rng:
    """Return the random generator of one stage of a one-block simulation."""
    return Block(seed).stage_generator(number)
