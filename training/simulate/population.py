"""What is true of the simulated state, drawn stage by stage."""

from dataclasses import dataclass

import numpy as np

from training.simulate.care import Care, draw_care
from training.simulate.columns import Rng
from training.simulate.families import Births, Homes, draw_births, draw_homes
from training.simulate.flags import Flags, draw_flags
from training.simulate.names import NameBook
from training.simulate.people import People, draw_people
from training.simulate.places import Addresses
from training.simulate.rates import Rates
from training.simulate.schooling import Schooling, draw_schooling


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is true: children, homes, care, schooling."""

    rates: Rates
    births: Births
    homes: Homes
    care: Care
    addresses: Addresses
    people: People
    schooling: Schooling
    flags: Flags


def draw_state(seed: int, children: int, rates: Rates, book: NameBook) -> State:
    """Let about so many children live; each stage has random numbers of its own."""
    births = draw_births(stage(seed, 1), children, rates)
    homes, addresses = draw_homes(stage(seed, 2), int(births.home[-1]) + 1, rates, book)
    care, addresses = draw_care(stage(seed, 3), births, homes, addresses, rates, book)
    people = draw_people(stage(seed, 4), births, homes, care, rates, book)
    schooling = draw_schooling(stage(seed, 5), births, homes, care, addresses, rates)
    flags = draw_flags(stage(seed, 6), births, homes, care, rates)
    return State(rates, births, homes, care, addresses, people, schooling, flags)


def stage(seed: int, number: int) -> Rng:
    """The random numbers of one stage, so that a change in one leaves the others as they were."""
    return np.random.default_rng([seed, number])
